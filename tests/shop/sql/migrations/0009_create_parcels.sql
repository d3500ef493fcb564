-- depends: 0008_create_order_totals
set local lock_timeout = '4s';

create type shop.parcel_state as enum ('packed', 'sent', 'lost');

create type shop.address as (
    street text,
    city text
);

create table shop.parcels (
    parcel_id bigint generated always as identity primary key,
    state shop.parcel_state not null default 'packed',
    destination shop.address not null,
    contents jsonb not null,
    postage_cents bigint not null,
    constraint parcels_postage_cents_check check (postage_cents >= 0)
);
