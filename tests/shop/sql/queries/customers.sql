-- Customers. Bound in src/shop/customers.py.

-- name: create
insert into shop.customers (
    email,
    name,
    phone
)
values (
    lower(:email),
    :name,
    :phone
)
returning
    customer_id,
    email,
    name,
    phone,
    created_at;

-- name: get
select
    customer_id,
    email,
    name,
    phone,
    created_at
from shop.customers
where customer_id = :customer_id;

-- name: find_by_email
-- In any letter case. Served by customers_email_key.
select
    customer_id,
    email,
    name,
    phone,
    created_at
from shop.customers
where email = lower(:email);

-- name: list_all
-- In the order of creation, or by name.
-- grows: with the customers; for an administrator's page.
select
    customer_id,
    email,
    name,
    phone,
    created_at
from shop.customers
where
    true
    and name like :begins || '%'                               --? begins
    and customer_id > :last_customer_id                        --? cursor and order = created
    -- and (name, customer_id) > (:last_name, :last_customer_id)   --? cursor and order = name
order by
    customer_id                                                --? order = created
    -- name, customer_id                                       --? order = name
limit :limit;

-- name: update
-- Sets the fields that are given; a phone can be set to null.
update shop.customers
set
    email = lower(:email),    --? email
    name = :name,             --? name
    phone = :phone,           --? phone
    created_at = created_at
where customer_id = :customer_id
returning
    customer_id,
    email,
    name,
    phone,
    created_at;

-- name: delete
delete from shop.customers
where customer_id = :customer_id;

-- name: is_known
select exists(
    select 1
    from shop.customers
    where email = lower(:email)
) as is_known;

-- name: count
-- grows: with the customers; for an administrator's page.
select count(*) as customers
from shop.customers;
