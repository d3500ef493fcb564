-- Payments, and what they sum up to. Bound in src/rentals/income.py. Days and months are those of
-- UTC, whatever the time zone of the session.

-- name: load
copy rentals.payments (
    loan_id,
    amount,
    paid_at
) from stdin;

-- name: list_best_customers
-- Those who paid most in each month, with their rank; equals share one.
-- grows: with the payments; for a report.
with totals as (
    select
        date_trunc('month', payments.paid_at, 'UTC') as month,
        loans.customer_id,
        sum(payments.amount) as paid
    from rentals.payments
    inner join rentals.loans on payments.loan_id = loans.loan_id
    group by
        month,
        loans.customer_id
),

ranked as (
    select
        totals.month,
        totals.customer_id,
        totals.paid,
        rank() over (partition by totals.month order by totals.paid desc) as place
    from totals
)

select
    ranked.month,
    customers.name,
    ranked.paid,
    ranked.place
from ranked
inner join rentals.customers on ranked.customer_id = customers.customer_id
where ranked.place <= :best
order by
    ranked.month,
    ranked.place,
    customers.name;

-- name: list_running_totals
-- The payments of a customer, with what was paid by then and the average of the last three.
-- grows: with the loans; of one customer no index finds them.
select
    payments.paid_at,
    payments.amount,
    sum(payments.amount) over so_far as total,
    avg(payments.amount) over (so_far rows between 2 preceding and current row)::numeric(8, 2)
        as recent
from rentals.payments
inner join rentals.loans on payments.loan_id = loans.loan_id
where loans.customer_id = :customer_id
window so_far as (order by payments.paid_at)
order by payments.paid_at;

-- name: list_days
-- Every day of a time, also those without payments.
-- grows: with the payments; for a report.
select
    days.day::date as day,
    count(payments.payment_id) as payments,
    coalesce(sum(payments.amount), 0) as income,
    max(payments.amount) as highest
from generate_series(:first::date, :last::date, interval '1 day') as days (day)
left join rentals.payments
    on
        payments.paid_at >= days.day::timestamp at time zone 'UTC'
        and payments.paid_at < (days.day::timestamp + interval '1 day') at time zone 'UTC'
group by days.day
order by days.day;

-- name: list_loans_with_payments
-- Each loan with its payments; one without any is there as well.
-- grows: with the payments; for a report.
select
    loans.loan_id,
    payments.payment_id,
    payments.amount
from rentals.loans
left join rentals.payments on loans.loan_id = payments.loan_id
where loans.customer_id = :customer_id
order by
    loans.loan_id,
    payments.payment_id;

-- name: sum_by_city_and_category
-- With sums for each city and for all; there the category, or both, are null.
-- grows: with the payments; for a report.
select
    stores.city,
    categories.name as category,
    sum(payments.amount) as income,
    grouping(stores.city, categories.name) as level
from rentals.payments
inner join rentals.loans on payments.loan_id = loans.loan_id
inner join rentals.copies on loans.copy_id = copies.copy_id
inner join rentals.stores on copies.store_id = stores.store_id
inner join rentals.films on copies.film_id = films.film_id
inner join rentals.categories on films.category_id = categories.category_id
group by grouping sets ((stores.city, categories.name), (stores.city), ())
order by
    stores.city asc nulls last,
    category asc nulls last;

-- name: compare_months
-- Income of each month, and how much more it is than that of the one before.
-- grows: with the payments; for a report.
select
    date_trunc('month', paid_at, 'UTC') as month,
    sum(amount) as income,
    sum(amount) - lag(sum(amount)) over (order by date_trunc('month', paid_at, 'UTC')) as more
from rentals.payments
group by month
order by month;

-- name: charge_late
-- A fee for every loan that is overdue; returns how many there were.
-- writes: rentals.charge_late()
select rentals.charge_late(:at, :fee) as charged;

-- name: refresh
refresh materialized view rentals.income_by_month;

-- name: list_by_month
select
    month,
    store_id,
    income
from rentals.income_by_month
order by
    month,
    store_id;

-- name: export
copy (
    select
        payment_id,
        amount,
        paid_at
    from rentals.payments
    order by payment_id
) to stdout;
