-- Known clients: networks and devices from which users signed in. Bound in
-- oadb/accounts/known_clients.py.

-- name: remember_network
insert into oadb.known_networks as known (
    user_id,
    network,
    signed_in_at
)
values (
    :user_id,
    cast(cast(:network as text) as inet),
    now()
)
on conflict (user_id, network) do update
    set signed_in_at = greatest(known.signed_in_at, excluded.signed_in_at);

-- name: _renew_device
-- The digest becomes that of the primary key.
update oadb.known_devices
set
    token_digest = :token_digest,
    signed_in_at = greatest(signed_in_at, now())
where
    user_id = :user_id
    and device_id = :device_id;

-- name: _add_device
-- Deletes the devices beyond the :most that signed in last, this one included.
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
    token_digest
)
values (
    :user_id,
    :token_digest
);

-- name: _forget_networks
delete from oadb.known_networks
where user_id = :user_id;

-- name: _forget_devices
delete from oadb.known_devices
where user_id = :user_id;

-- name: delete_expired_networks
-- scope: all users (background sweep)
-- Deletes at most :batch networks without a sign-in for 30 days. Served by
-- known_networks_signed_in_at_idx.
delete from oadb.known_networks
where (user_id, network) in (
    select
        old.user_id,
        old.network
    from oadb.known_networks as old
    where old.signed_in_at <= now() - interval '30 days'
    order by old.signed_in_at
    limit :batch
    for update skip locked
);

-- name: delete_expired_devices
-- scope: all users (background sweep)
-- Deletes at most :batch devices without a sign-in for 90 days. Served by
-- known_devices_signed_in_at_idx.
delete from oadb.known_devices
where (user_id, device_id) in (
    select
        old.user_id,
        old.device_id
    from oadb.known_devices as old
    where old.signed_in_at <= now() - interval '90 days'
    order by old.signed_in_at
    limit :batch
    for update skip locked
);
