-- depends: 0003_create_payments
set local lock_timeout = '4s';

create view rentals.film_list with (security_invoker = true) as
select
    films.film_id,
    films.title,
    categories.name as category,
    languages.name as language,
    originals.name as original_language,
    films.rating,
    films.released
from rentals.films
inner join rentals.categories on films.category_id = categories.category_id
inner join rentals.languages on films.language_id = languages.language_id
left join rentals.languages as originals on films.original_language_id = originals.language_id;

create materialized view rentals.income_by_month as
select
    date_trunc('month', payments.paid_at, 'UTC') as month,
    customers.store_id,
    sum(payments.amount) as income
from rentals.payments
inner join rentals.loans on payments.loan_id = loans.loan_id
inner join rentals.customers on loans.customer_id = customers.customer_id
group by month, customers.store_id;

create function rentals.is_in_store(copy bigint, at timestamptz) returns boolean
language sql stable
return not exists (
    select 1
    from rentals.loans
    where
        loans.copy_id = $1
        and loans.period @> $2
);

create function rentals.charge_late(at timestamptz, fee numeric) returns bigint
language sql
begin atomic
    with charged as (
        insert into rentals.payments (
            loan_id,
            amount,
            paid_at
        )
        select
            loans.loan_id,
            $2,
            $1
        from rentals.loans
        where
            upper_inf(loans.period)
            and loans.due_at < $1
        returning payments.payment_id
    )

    select count(*)
    from charged;
end;
