-- Products. Bound in src/shop/products.py.

-- name: put
-- Creates a product, or changes the one with its code.
insert into shop.products as known (
    sku,
    title,
    price,
    tags,
    details
)
values (
    :sku,
    :title,
    :price,
    :tags,
    :details
)
on conflict on constraint products_sku_key do update
    set
        title = excluded.title,
        price = excluded.price,
        tags = excluded.tags,
        details = excluded.details
returning known.product_id;

-- name: get
select
    product_id,
    sku,
    title,
    price,
    tags,
    details,
    is_listed
from shop.products
where product_id = :product_id;

-- name: find_by_sku
select
    product_id,
    sku,
    title,
    price,
    tags,
    details,
    is_listed
from shop.products
where sku = :sku;

-- name: search
-- Listed products by title, or the cheapest first.
select
    product_id,
    sku,
    title,
    price,
    tags,
    details,
    is_listed
from shop.products
where
    is_listed
    and title ilike '%' || :words || '%'       --? words
    and price >= :from_price                   --? from_price
    and price <= :to_price                     --? to_price
    and tags @> :tags                          --? tags
order by
    title, product_id                          --? order = title
    -- price, product_id                       --? order = price
    -- price desc, product_id                  --? order = price_desc
limit :rows;

-- name: set_listed
update shop.products
set is_listed = :is_listed
where
    product_id = :product_id
    and is_listed <> :is_listed;

-- name: stream_all
select
    product_id,
    sku,
    title,
    price,
    tags,
    details,
    is_listed
from shop.products
order by product_id;

-- name: load
copy shop.products (
    sku,
    title,
    price
) from stdin;

-- name: export
copy (
    select
        sku,
        title,
        price
    from shop.products
    order by product_id
) to stdout (format csv);
