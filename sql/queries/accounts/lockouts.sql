-- Lockouts: the wait that failed sign-ins cause. Bound in oadb/accounts/lockouts.py.

-- name: _count_try
-- scope: all users (a sign-in does not know the id yet)
-- Counts a try in the counters that apply to it, or in none if one of them has to wait:
-- tried_at is null then, wait says how long, and must_account_wait whether it is a counter
-- of the account. A device from which the user signed in before is counted alone. A network
-- from which the user signed in in the last 30 days is counted with the account and by
-- itself, any other one also by its wider networks and for the account. Counters forget
-- failures one by one, also while they are in use.
-- Concurrent tries wait for a row here, and see each other's count. All statements lock
-- counters in the same order, that of bytes, so there is no deadlock. If a wait began after
-- this statement did, when some may be counted already, oadb.try_again() raises an error:
-- the statement is rolled back and repeated. tried_at is clock_timestamp(), not now(), so
-- that a later try has a later time. A name of nobody takes the same path, with a user 0.
-- (noqa: sqlfluff does not know the existing row, nor collations.)
-- Served by known_devices_pkey, known_networks_pkey, lockouts_pkey and users_username_lower_key.
with given as (
    select
        lower(:account) as account,
        cast(:network as text) as network,
        cast(:wider_networks as text[]) as wider_networks,
        cast(:device_digests as bytea[]) as device_digests,
        cast(:client_limit as bigint) as client_limit,
        cast(:account_limit as bigint) as account_limit,
        cast(:network_limit as bigint) as network_limit,
        -- Not coalesce(), which row-level security keeps from indexes.
        greatest(
            (
                select users.user_id
                from oadb.users
                where users.username_key = lower(:account)
            ),
            0
        ) as user_id
),

origin as (
    select
        given.account,
        given.network,
        given.wider_networks,
        given.client_limit,
        given.account_limit,
        given.network_limit,
        (
            select known_devices.device_id
            from oadb.known_devices
            where
                known_devices.user_id = given.user_id
                and known_devices.token_digest = any(given.device_digests)
                and known_devices.signed_in_at > now() - interval '90 days'
            order by known_devices.device_id
            limit 1
        ) as device_id,
        (
            select count(*)
            from oadb.known_networks
            where
                known_networks.user_id = given.user_id
                and known_networks.network = given.network::inet
                and known_networks.signed_in_at > now() - interval '30 days'
        ) > 0 as is_known
    from given
),

counters as materialized (
    select
        'device' as kind,
        device_id::text as subject,
        client_limit as allowed,
        interval '15 minutes' as forgets_in
    from origin
    where device_id is not null
    union all
    select
        'account_network' as kind,
        account || ' ' || network as subject,
        client_limit as allowed,
        interval '15 minutes' as forgets_in
    from origin
    where device_id is null
    union all
    select
        'network' as kind,
        network as subject,
        network_limit as allowed,
        interval '1 minute' as forgets_in
    from origin
    where device_id is null
    union all
    select
        'account' as kind,
        account as subject,
        account_limit as allowed,
        interval '3 minutes' as forgets_in
    from origin
    where
        device_id is null
        and not is_known
    union all
    -- The next wider prefix: twice the limit, forgotten twice as fast.
    select
        'network' as kind,
        wider.subject,
        origin.network_limit * (2 ^ wider.place)::bigint as allowed,
        interval '1 minute' / (2 ^ wider.place) as forgets_in
    from origin
    cross join
        unnest(origin.wider_networks) with ordinality as wider (subject, place)
    where
        origin.device_id is null
        and not origin.is_known
),

-- One lookup for each: a join may read the whole table until it is analyzed.
looked_up as materialized (
    select
        counters.kind,
        (
            select lockouts.unlocks_at
            from oadb.lockouts
            where
                lockouts.kind = counters.kind
                and lockouts.subject = counters.subject
        ) as unlocks_at
    from counters
),

waiting as (
    select
        max(unlocks_at) - now() as wait,
        coalesce(bool_or(kind <> 'network'), false) as must_account_wait
    from looked_up
    where unlocks_at > now()
),

counted as (
    insert into oadb.lockouts as known (
        kind,
        subject,
        failures,
        failed_at,
        unlocks_at,
        sweep_at
    )
    select
        counters.kind,
        counters.subject,
        1 as failures,
        clock_timestamp() as failed_at,
        clock_timestamp() + oadb.lockout_wait(1, counters.allowed) as unlocks_at,
        clock_timestamp() + interval '1 day' as sweep_at
    from counters
    cross join waiting
    where waiting.wait is null
    order by
        counters.kind collate "C",  -- noqa: RF02
        counters.subject collate "C"  -- noqa: RF02
    on conflict (kind, subject) do update
        set (failures, failed_at, unlocks_at, decayed_at) = (
            select
                tries.counted,
                tries.tried_at,
                tries.tried_at + oadb.lockout_wait(tries.counted, tries.allowed),
                known.decayed_at + tries.forgotten * tries.forgets_in  -- noqa: RF01
            from (
                select
                    clock_timestamp() as tried_at,
                    passed.forgotten,
                    passed.allowed,
                    passed.forgets_in,
                    greatest(known.failures - passed.forgotten, 0) + 1 as counted  -- noqa: RF01
                from (
                    select
                        counters.allowed,
                        counters.forgets_in,
                        floor(
                            greatest(
                                extract(epoch from now() - known.decayed_at),  -- noqa: RF01
                                0
                            ) / extract(epoch from counters.forgets_in)
                        )::bigint as forgotten
                    from counters
                    where
                        counters.kind = known.kind  -- noqa: RF01
                        and counters.subject = known.subject  -- noqa: RF01
                ) as passed
            ) as tries
        )
        where coalesce(known.unlocks_at <= now(), true)
    returning
        kind,
        subject,
        failures,
        failed_at,
        unlocks_at
),

result as (
    select
        count(*) = (select count(*) from counters) as is_counted,
        max(counted.failed_at) as tried_at,
        coalesce(array_agg(counted.kind order by counted.kind, counted.subject), '{}') as kinds,
        coalesce(
            array_agg(counted.subject order by counted.kind, counted.subject), '{}'
        ) as subjects,
        coalesce(
            array_agg(counted.failures order by counted.kind, counted.subject), '{}'
        ) as failures,
        coalesce(
            greatest(max(counted.unlocks_at) - clock_timestamp(), interval '0'), interval '0'
        ) as wait
    from counted
)

select
    case when result.is_counted then result.tried_at end as tried_at,
    result.kinds,
    result.subjects,
    result.failures,
    case
        when result.is_counted then result.wait
        else coalesce(waiting.wait, oadb.try_again())
    end as wait,
    waiting.must_account_wait,
    origin.device_id
from result
cross join waiting
cross join origin;

-- name: revert_try
-- Reverts what _count_try counted at :tried_at, and the wait that it caused; the wait of a
-- later try stays. After a sign-in (:is_signed_in) the counter of its device, or of its
-- network with the account, is deleted, and no other: who guesses elsewhere could begin
-- anew, and the owner of one account could guess the passwords of others without a limit.
-- Locks in the order of _count_try, and deletes nothing that came after that. The arrays
-- alone lead to lockouts_pkey: a join may read the whole table until it is analyzed.
with counted as (
    select
        known.kind,
        known.subject,
        :is_signed_in and known.kind in ('account_network', 'device') as is_over
    from oadb.lockouts as known
    inner join unnest(:kinds::text[], :subjects::text[]) as given (kind, subject)
        on
            known.kind = given.kind
            and known.subject = given.subject
    where
        known.kind = any(:kinds)
        and known.subject = any(:subjects)
    order by
        known.kind,
        known.subject
    for update of known
),

forgotten as (
    delete from oadb.lockouts
    using counted
    where
        lockouts.kind = any(:kinds)
        and lockouts.subject = any(:subjects)
        and lockouts.kind = counted.kind
        and lockouts.subject = counted.subject
        and counted.is_over
)

update oadb.lockouts
set
    failures = greatest(failures - 1, 0),
    unlocks_at = case
        when failed_at > :tried_at then unlocks_at
    end
from counted
where
    lockouts.kind = any(:kinds)
    and lockouts.subject = any(:subjects)
    and lockouts.kind = counted.kind
    and lockouts.subject = counted.subject
    and not counted.is_over;

-- name: _reset_account
-- scope: all users (administration)
-- The account in all networks and on all devices, but no network by itself. Reads all
-- counters of accounts with networks. Locks in the order of _count_try. Served by
-- known_devices_pkey, lockouts_pkey and users_username_lower_key.
-- grows: with the counters of a day, which are swept; an administrator runs it.
with given as (
    select lower(:account) as account
),

counted as (
    select
        known.kind,
        known.subject
    from oadb.lockouts as known
    cross join given
    where
        known.failures > 0
        and (
            (known.kind = 'account' and known.subject = given.account)
            or (
                known.kind = 'account_network'
                and starts_with(known.subject, given.account || ' ')
            )
            or (
                known.kind = 'device'
                and known.subject in (
                    select known_devices.device_id::text
                    from oadb.known_devices
                    inner join oadb.users on known_devices.user_id = users.user_id
                    where users.username_key = given.account
                )
            )
        )
    order by
        known.kind,
        known.subject
    for update of known
)

delete from oadb.lockouts
using counted
where
    lockouts.kind = counted.kind
    and lockouts.subject = counted.subject;

-- name: _sweep
-- As in sessions.sql: deletes counters without a failure for a day, when all is forgotten. Served
-- by lockouts_sweep_at_idx. Served by lockouts_pkey.
with due as materialized (
    select
        lockouts.kind,
        lockouts.subject,
        lockouts.failed_at
    from oadb.lockouts
    where lockouts.sweep_at <= now()
    order by lockouts.sweep_at
    limit :batch
    for update skip locked
),

postponed as (
    update oadb.lockouts
    set sweep_at = due.failed_at + interval '1 day'
    from due
    where
        lockouts.kind = due.kind
        and lockouts.subject = due.subject
        and due.failed_at > now() - interval '1 day'
),

deleted as (
    delete from oadb.lockouts
    using due
    where
        lockouts.kind = due.kind
        and lockouts.subject = due.subject
        and due.failed_at <= now() - interval '1 day'
    returning lockouts.subject
)

select
    (select count(*) from due) as due,
    (select count(*) from deleted) as deleted;
