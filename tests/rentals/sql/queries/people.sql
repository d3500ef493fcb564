-- Actors and customers. Bound in src/rentals/people.py.

-- name: load_actors
copy rentals.actors (name) from stdin;

-- name: load_roles
copy rentals.roles (
    film_id,
    actor_id
) from stdin;

-- name: list_connected
-- Actors who are connected with one by films that they play in together, over at most :steps films,
-- with the shortest way.
with recursive reached (actor_id, steps, way) as (
    select
        actors.actor_id,
        0 as steps,
        array[actors.name] as way
    from rentals.actors
    where actors.actor_id = :actor_id
    union all
    select
        partners.actor_id,
        reached.steps + 1 as steps,
        reached.way || actors.name as way
    from reached
    inner join rentals.roles on reached.actor_id = roles.actor_id
    inner join rentals.roles as partners on roles.film_id = partners.film_id
    inner join rentals.actors on partners.actor_id = actors.actor_id
    where
        reached.steps < :steps
        and actors.name <> all(reached.way)
)

select distinct on (reached.actor_id)
    reached.actor_id,
    reached.steps,
    reached.way
from reached
where reached.steps > 0
order by
    reached.actor_id,
    reached.steps;

-- name: create
insert into rentals.customers (
    store_id,
    email,
    name,
    joined_on
)
values (
    :store_id,
    :email,
    :name,
    :joined_on
)
returning customer_id;

-- name: create.many
insert into rentals.customers (
    store_id,
    email,
    name,
    joined_on
)
select
    given.store_id,
    given.email,
    given.name,
    given.joined_on
from
    unnest(:store_id::bigint[], :email::text[], :name::text[], :joined_on::date[])
    with ordinality as given (store_id, email, name, joined_on, place)
order by given.place
returning customer_id;

-- name: merge
-- Names by address: those of known customers are changed, others become customers of a store.
merge into rentals.customers as known
using (
    select
        given.email,
        given.name
    from unnest(:emails::text[], :names::text[]) as given (email, name)
) as given
    on known.email = given.email
when matched and known.name = given.name then do nothing
when matched then update set name = given.name
when not matched then
    insert (store_id, email, name, joined_on)
    values (:store_id, given.email, given.name, :joined_on);

-- name: list_all
-- grows: with the customers; for an export.
select
    customer_id,
    name,
    email
from rentals.customers
order by customer_id;

-- name: list_joined
-- The number of customers who joined in each month of a year, and how many there were by then.
-- grows: with the customers; for a report.
select
    months.month::date as month,
    count(customers.customer_id) as joined,
    sum(count(customers.customer_id)) over (order by months.month)::bigint as total
from
    generate_series(
        make_date(:year, 1, 1)::timestamp, make_date(:year, 12, 1)::timestamp, interval '1 month'
    ) as months (month)
left join rentals.customers on months.month = date_trunc('month', customers.joined_on::timestamp)
group by months.month
order by months.month;
