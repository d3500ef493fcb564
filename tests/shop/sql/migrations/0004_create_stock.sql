-- depends: 0003_create_products
set local lock_timeout = '4s';

create table shop.stock (
    product_id bigint not null references shop.products (product_id),
    warehouse text not null,
    on_hand bigint not null,
    counted_at timestamptz not null default now(),
    constraint stock_pkey primary key (product_id, warehouse),
    constraint stock_on_hand_check check (on_hand >= 0)
);
