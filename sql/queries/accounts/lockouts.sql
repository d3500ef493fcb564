-- Lockouts: the wait that failed sign-ins cause. Bound in oadb/accounts/lockouts.py.

-- name: count_try
-- Counts a try for the account and for the network, or for neither if one of them has to
-- wait: tried_at is null then, and wait says how long. The count of an account starts
-- again after 15 quiet minutes, not counting the wait. A network, which may be an office
-- that is never quiet, forgets one failure a minute.
-- Concurrent tries wait for the row here, and see each other's count. All statements lock
-- the account first, so there is no deadlock. If a wait began after this statement, when
-- one of the two may be counted already, oadb.try_again() raises an error: the statement
-- is rolled back and repeated. tried_at is clock_timestamp(), not now(), so that a later
-- try has a later time. (noqa: sqlfluff does not know the existing row.)
with waiting as (
    select max(unlocks_at) - now() as wait
    from oadb.lockouts
    where
        unlocks_at > now()
        and (
            (kind = 'account' and subject = lower(:account))
            or (kind = 'network' and subject = :network)
        )
),

account as (
    insert into oadb.lockouts as known (
        kind,
        subject,
        failures,
        failed_at,
        unlocks_at
    )
    select
        'account' as kind,
        lower(:account) as subject,
        1 as failures,
        clock_timestamp() as failed_at,
        clock_timestamp() + oadb.lockout_wait(1, :account_limit) as unlocks_at
    from waiting
    where waiting.wait is null
    on conflict (kind, subject) do update
        set (failures, failed_at, unlocks_at) = (
            select
                tries.counted,
                tries.tried_at,
                tries.tried_at + oadb.lockout_wait(tries.counted, :account_limit)
            from (
                select
                    clock_timestamp() as tried_at,
                    case
                        when
                            greatest(known.failed_at, known.unlocks_at)  -- noqa: RF01
                            >= now() - interval '15 minutes'
                            then known.failures  -- noqa: RF01
                        else 0
                    end + 1 as counted
            ) as tries
        )
        where coalesce(known.unlocks_at <= now(), true)
    returning
        failures,
        unlocks_at
),

network as (
    insert into oadb.lockouts as known (
        kind,
        subject,
        failures,
        failed_at,
        unlocks_at
    )
    select
        'network' as kind,
        :network as subject,
        1 as failures,
        clock_timestamp() as failed_at,
        clock_timestamp() + oadb.lockout_wait(1, :network_limit) as unlocks_at
    from account
    on conflict (kind, subject) do update
        set (failures, failed_at, unlocks_at, decayed_at) = (
            select
                tries.counted,
                tries.tried_at,
                tries.tried_at + oadb.lockout_wait(tries.counted, :network_limit),
                known.decayed_at + tries.minutes * interval '1 minute'  -- noqa: RF01
            from (
                select
                    clock_timestamp() as tried_at,
                    passed.minutes,
                    greatest(known.failures - passed.minutes, 0) + 1 as counted  -- noqa: RF01
                from (
                    select
                        floor(
                            greatest(
                                extract(epoch from now() - known.decayed_at),  -- noqa: RF01
                                0
                            ) / 60
                        )::bigint as minutes
                ) as passed
            ) as tries
        )
        where coalesce(known.unlocks_at <= now(), true)
    returning
        failures,
        failed_at,
        unlocks_at
)

select
    (select network.failed_at from network) as tried_at,
    (select account.failures from account) as account_failures,
    (select network.failures from network) as network_failures,
    case
        when exists (select from network)
            then coalesce(
                greatest(
                    (select account.unlocks_at from account),
                    (select network.unlocks_at from network)
                ) - clock_timestamp(),
                interval '0'
            )
        else coalesce(waiting.wait, oadb.try_again())
    end as wait
from waiting;

-- name: revert_try
-- Reverts what count_try counted at :tried_at, and the wait that it caused; the wait of a
-- later try stays. Locks the account first, as count_try does.
with counted as (
    select
        known.kind,
        known.subject
    from oadb.lockouts as known
    where
        (known.kind = 'account' and known.subject = lower(:account))
        or (known.kind = 'network' and known.subject = :network)
    order by known.kind
    for update
)

update oadb.lockouts
set
    failures = greatest(failures - 1, 0),
    unlocks_at = case
        when failed_at > :tried_at then unlocks_at
    end
from counted
where
    lockouts.kind = counted.kind
    and lockouts.subject = counted.subject;

-- name: reset_account
-- The account only, not the network: otherwise the owner of one account could guess the
-- passwords of others without a limit.
delete from oadb.lockouts
where
    kind = 'account'
    and subject = lower(:account);

-- name: delete_expired
-- Deletes at most :batch counters without a failure for a day, without waiting for locked
-- rows. Served by lockouts_failed_at_idx.
delete from oadb.lockouts
where (kind, subject) in (
    select
        quiet.kind,
        quiet.subject
    from oadb.lockouts as quiet
    where quiet.failed_at < now() - interval '1 day'
    order by quiet.failed_at
    limit :batch
    for update skip locked
);
