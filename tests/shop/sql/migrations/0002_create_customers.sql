-- depends: 0001_create_shop
set local lock_timeout = '4s';

create table shop.customers (
    customer_id bigint generated always as identity primary key,
    email text not null,
    name text not null,
    phone text,
    created_at timestamptz not null default now(),
    constraint customers_email_key unique (email)
);
