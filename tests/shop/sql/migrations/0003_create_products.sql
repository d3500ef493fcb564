-- depends: 0002_create_customers
set local lock_timeout = '4s';

create table shop.products (
    product_id bigint generated always as identity primary key,
    sku text not null,
    title text not null,
    price numeric(12, 2) not null,
    tags text [] not null default '{}',
    details jsonb not null default '{}',
    is_listed boolean not null default true,
    constraint products_sku_key unique (sku),
    constraint products_price_check check (price >= 0)
);
