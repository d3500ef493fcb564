-- depends: 0006_create_order_lines
set local lock_timeout = '4s';

create index orders_customer_id_idx
on shop.orders (customer_id, placed_at desc, order_id desc);
