-- What users want. Bound in src/shop/wishes.py. Under an identity each statement sees and changes
-- the wishes of that user alone.

-- name: put
insert into shop.wishes as held (
    user_id,
    product_id,
    note
)
values (
    :user_id,
    :product_id,
    :note
)
on conflict on constraint wishes_pkey do update
    set note = coalesce(excluded.note, held.note);

-- name: get
select
    user_id,
    product_id,
    note,
    wished_at
from shop.wishes
where
    user_id = :user_id
    and product_id = :product_id;

-- name: list_wishes
-- Newest first.
select
    wishes.product_id,
    products.title,
    wishes.note,
    wishes.wished_at
from shop.wishes
inner join shop.products on wishes.product_id = products.product_id
where
    wishes.user_id = :user_id
    and products.price <= :to_price                                            --? to_price
order by
    wishes.wished_at desc,
    wishes.product_id desc;

-- name: list_everything
-- Every wish that the caller may see. Reads the whole table.
-- grows: with the wishes; under an identity, with those of one user.
select
    user_id,
    product_id,
    note,
    wished_at
from shop.wishes
order by
    user_id,
    product_id;

-- name: count_by_product
-- The most wanted first.
-- grows: with the wishes; for a report.
select
    product_id,
    count(*) as wishes
from shop.wishes
group by product_id
order by
    wishes desc,
    product_id
limit :limit;

-- name: remove
delete from shop.wishes
where
    user_id = :user_id
    and product_id = :product_id;

-- name: clear
-- All of a user.
delete from shop.wishes
where user_id = :user_id;
