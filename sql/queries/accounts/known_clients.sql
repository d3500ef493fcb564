-- Known clients: networks and devices from which users signed in. Bound in
-- oadb/accounts/known_clients.py.

-- name: remember_network
insert into oadb.known_networks as known (
    user_id,
    network,
    signed_in_at,
    sweep_at
)
values (
    :user_id,
    cast(cast(:network as text) as inet),
    now(),
    now() + interval '30 days'
)
on conflict (user_id, network) do update
    set signed_in_at = greatest(known.signed_in_at, excluded.signed_in_at);

-- name: _renew_device
-- The digest becomes that of the primary key. Served by known_devices_pkey.
update oadb.known_devices
set
    token_digest = :token_digest,
    signed_in_at = greatest(signed_in_at, now())
where
    user_id = :user_id
    and device_id = :device_id;

-- name: _add_device
-- Deletes the devices beyond the :most that signed in last, this one included. Served by
-- known_devices_pkey.
with removed as (
    delete from oadb.known_devices
    where
        user_id = :user_id
        and device_id in (
            select newest.device_id
            from oadb.known_devices as newest
            where newest.user_id = :user_id
            order by
                newest.signed_in_at desc,
                newest.device_id asc
            offset :most - 1
        )
)

insert into oadb.known_devices (
    user_id,
    token_digest,
    sweep_at
)
values (
    :user_id,
    :token_digest,
    now() + interval '90 days'
);

-- name: _forget_networks
-- Served by known_networks_pkey.
delete from oadb.known_networks
where user_id = :user_id;

-- name: _forget_devices
-- Served by known_devices_pkey.
delete from oadb.known_devices
where user_id = :user_id;

-- name: _sweep_networks
-- scope: all users (background sweep)
-- As in sessions.sql: deletes networks without a sign-in for 30 days. Served by
-- known_networks_sweep_at_idx and known_networks_pkey.
-- grows: with the rows that are due, of which each sweep leaves few.
with due as materialized (
    select
        known_networks.user_id,
        known_networks.network,
        known_networks.signed_in_at
    from oadb.known_networks
    where known_networks.sweep_at <= now()
    order by known_networks.sweep_at
    limit :batch
    for update skip locked
),

postponed as (
    update oadb.known_networks
    set sweep_at = due.signed_in_at + interval '30 days'
    from due
    where
        known_networks.user_id = due.user_id
        and known_networks.network = due.network
        and due.signed_in_at > now() - interval '30 days'
),

deleted as (
    delete from oadb.known_networks
    using due
    where
        known_networks.user_id = due.user_id
        and known_networks.network = due.network
        and due.signed_in_at <= now() - interval '30 days'
    returning known_networks.network
)

select
    (select count(*) from due) as due,
    (select count(*) from deleted) as deleted;

-- name: _sweep_devices
-- scope: all users (background sweep)
-- As in sessions.sql: deletes devices without a sign-in for 90 days. Served by
-- known_devices_sweep_at_idx and known_devices_pkey.
-- grows: with the rows that are due, of which each sweep leaves few.
with due as materialized (
    select
        known_devices.user_id,
        known_devices.device_id,
        known_devices.signed_in_at
    from oadb.known_devices
    where known_devices.sweep_at <= now()
    order by known_devices.sweep_at
    limit :batch
    for update skip locked
),

postponed as (
    update oadb.known_devices
    set sweep_at = due.signed_in_at + interval '90 days'
    from due
    where
        known_devices.user_id = due.user_id
        and known_devices.device_id = due.device_id
        and due.signed_in_at > now() - interval '90 days'
),

deleted as (
    delete from oadb.known_devices
    using due
    where
        known_devices.user_id = due.user_id
        and known_devices.device_id = due.device_id
        and due.signed_in_at <= now() - interval '90 days'
    returning known_devices.device_id
)

select
    (select count(*) from due) as due,
    (select count(*) from deleted) as deleted;
