-- depends: 0004_create_stock
set local lock_timeout = '4s';

create table shop.orders (
    order_id bigint generated always as identity primary key,
    customer_id bigint not null references shop.customers (customer_id),
    status text not null default 'open',
    note text,
    placed_at timestamptz not null default now(),
    constraint orders_status_check check (status in ('open', 'paid', 'shipped', 'cancelled'))
);
