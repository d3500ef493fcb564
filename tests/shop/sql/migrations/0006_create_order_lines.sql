-- depends: 0005_create_orders
set local lock_timeout = '4s';

create table shop.order_lines (
    order_id bigint not null references shop.orders (order_id) on delete cascade,
    product_id bigint not null references shop.products (product_id),
    quantity bigint not null,
    price numeric(12, 2) not null,
    constraint order_lines_pkey primary key (order_id, product_id),
    constraint order_lines_quantity_check check (quantity > 0)
);

comment on constraint order_lines_product_id_fkey on shop.order_lines is
'grows: a product is never deleted.';
