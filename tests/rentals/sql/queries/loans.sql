-- Copies and their loans. Bound in src/rentals/loans.py.

-- name: load_copies
copy rentals.copies (
    film_id,
    store_id
) from stdin;

-- name: load
copy rentals.loans (
    copy_id,
    customer_id,
    period,
    due_at
) from stdin;

-- name: lend
-- Violates loans_period_excl if the copy is out at any time from then on.
insert into rentals.loans (
    copy_id,
    customer_id,
    period,
    due_at
)
values (
    :copy_id,
    :customer_id,
    tstzrange(:at, null),
    :at + make_interval(days => :days)
)
returning
    loan_id,
    due_at;

-- name: take_back
-- Null if it is not out.
update rentals.loans
set period = tstzrange(lower(period), :at)
where
    loan_id = :loan_id
    and upper_inf(period)
returning period;

-- name: list_overdue
-- What is out and should not be, with how long and whom to call. Longest first.
-- grows: with the loans that are out.
select
    films.title,
    customers.name,
    :at - loans.due_at as overdue
from rentals.loans
inner join rentals.copies on loans.copy_id = copies.copy_id
inner join rentals.films on copies.film_id = films.film_id
inner join rentals.customers on loans.customer_id = customers.customer_id
where
    upper_inf(loans.period)
    and loans.due_at < :at
    and copies.store_id = :store_id    --? store_id
order by loans.due_at;

-- name: claim_overdue
-- Takes one that nobody was reminded of and no other worker has taken.
-- grows: with the loans that are out.
update rentals.loans
set reminded_at = :at
where
    loan_id = (
        select next.loan_id
        from rentals.loans as next
        where
            upper_inf(next.period)
            and next.due_at < :at
            and next.reminded_at is null
        order by next.due_at
        limit 1
        for update skip locked
    )
returning
    loan_id,
    customer_id;

-- name: list_latest
-- The latest loan of each customer.
-- grows: with the loans; for a report.
select distinct on (loans.customer_id)
    loans.customer_id,
    loans.loan_id,
    lower(loans.period) as lent_at
from rentals.loans
order by
    loans.customer_id asc,
    lent_at desc;

-- name: list_during
-- Those that overlap a time, in order of their beginnings.
-- grows: with the loans of the time.
select
    loan_id,
    period
from rentals.loans
where period && :period
order by period;

-- name: list_free_copies
select
    copies.copy_id,
    copies.store_id
from rentals.copies
where
    copies.film_id = :film_id
    and rentals.is_in_store(copies.copy_id, :at)
order by copies.copy_id;

-- name: list_idle_spells
-- How long each copy stood in its store between two loans.
-- grows: with the loans; for a report.
select
    copy_id,
    film,
    idle
from (
    select
        copies.copy_id,
        films.title as film,
        lower(loans.period) - lag(upper(loans.period)) over (
            partition by copies.copy_id
            order by lower(loans.period)
        ) as idle
    from rentals.loans
    inner join rentals.copies on loans.copy_id = copies.copy_id
    inner join rentals.films on copies.film_id = films.film_id
) as spells
where idle is not null
order by copy_id, idle;

-- name: delete_ended
-- Loans that ended before a time, with their payments.
-- grows: with the loans; a job that runs at night.
delete from rentals.loans
using rentals.copies
where
    loans.copy_id = copies.copy_id
    and upper(loans.period) < :before
returning
    loans.loan_id,
    copies.film_id,
    loans.reminded_at;
