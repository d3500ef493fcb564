-- Stock of each warehouse. Bound in src/shop/stock.py.

-- name: count
-- A count replaces the earlier one.
insert into shop.stock (
    product_id,
    warehouse,
    on_hand
)
values (
    :product_id,
    :warehouse,
    :on_hand
)
on conflict on constraint stock_pkey do update
    set
        on_hand = excluded.on_hand,
        counted_at = now();

-- name: take
-- Takes pieces if there are enough; null otherwise.
update shop.stock
set on_hand = on_hand - :quantity
where
    product_id = :product_id
    and warehouse = :warehouse
    and on_hand >= :quantity
returning on_hand;

-- name: get
select on_hand
from shop.stock
where
    product_id = :product_id
    and warehouse = :warehouse;

-- name: list_low
-- Products of which few pieces are left, in one warehouse or in all.
select
    product_id,
    warehouse,
    on_hand
from shop.stock
where
    on_hand <= :at_most
    and warehouse = :warehouse    --? warehouse
order by
    on_hand asc,
    product_id asc,
    warehouse asc
limit :rows;

-- name: lock
select on_hand
from shop.stock
where
    product_id = :product_id
    and warehouse = :warehouse
for update;
