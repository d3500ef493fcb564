-- Orders. Bound in src/shop/orders.py.

-- name: _create
insert into shop.orders (
    customer_id,
    note
)
values (
    :customer_id,
    :note
)
returning order_id;

-- name: _add_line
-- At the price of today.
insert into shop.order_lines (
    order_id,
    product_id,
    quantity,
    price
)
select
    :order_id,
    products.product_id,
    cast(:quantity as bigint) as quantity,
    products.price
from shop.products
where products.product_id = :product_id;

-- name: get
select
    orders.order_id,
    orders.customer_id,
    orders.status,
    orders.note,
    orders.placed_at
from shop.orders
where orders.order_id = :order_id;

-- name: list_orders
-- Newest first, or oldest. Served by orders_customer_id_idx where a customer is given.
-- grows: with the orders without a customer; of one, it sorts all of them.
select
    order_id,
    customer_id,
    status,
    note,
    placed_at
from shop.orders
where
    true
    and customer_id = :customer_id                                             --? customer_id
    and status = :status                                                       --? status
    and placed_at >= :since                                                    --? since
    and placed_at < :until                                                     --? until
    and note is not null                                                       --? with_note
    and (placed_at, order_id) < (:last_placed_at, :last_order_id)              --? cursor
order by
    placed_at desc,
    order_id desc
limit :limit;

-- name: list_lines
select
    product_id,
    quantity,
    price
from shop.order_lines
where order_id = :order_id
order by product_id;

-- name: get_total
select coalesce(sum(total), 0) as total
from shop.order_totals
where order_id = :order_id;

-- name: _set_status
update shop.orders
set status = :status
where
    order_id = :order_id
    and status = :was
returning order_id;

-- name: count_by_status
-- grows: with the orders; for a report.
select
    status,
    count(*) as orders
from shop.orders
where
    true
    and customer_id = :customer_id    --? customer_id
group by status
order by status;

-- name: delete_cancelled
-- Orders that were cancelled before a time.
-- grows: with the orders; a job that runs at night.
delete from shop.orders
where
    status = 'cancelled'
    and placed_at < :before;
