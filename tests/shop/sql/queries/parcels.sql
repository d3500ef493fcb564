-- Parcels. Bound in src/shop/parcels.py.

-- name: create
insert into shop.parcels (
    destination,
    contents,
    postage_cents
)
values (
    :destination,
    :contents,
    :postage
)
returning
    parcel_id,
    state,
    destination,
    contents,
    postage_cents as postage;

-- name: set_state
update shop.parcels
set state = :state
where parcel_id = :parcel_id;

-- name: count_by_state
-- grows: with the parcels; for a report.
select
    state,
    count(*) as parcels
from shop.parcels
group by state
order by state;
