-- Login attempts: the audit of sign-ins, and what slows down who guesses. Bound in
-- oadb/login_attempts.py.

-- name: record
-- scope: all users (the name may be nobody's)
insert into oadb.login_attempts (
    username,
    user_id,
    ip,
    device,
    broker,
    method,
    outcome,
    reason
)
values (
    :username,
    (
        select users.user_id
        from oadb.users
        where users.username_key = lower(:username)
    ),
    cast(cast(:ip as text) as inet),
    :device,
    :broker,
    :method,
    :outcome,
    :reason
);

-- name: list_recent
-- scope: all users (administration)
-- The last first, all outcomes where :outcome is null. At most 1000. Served by
-- login_attempts_attempted_at_idx.
select
    attempted_at,
    username,
    user_id,
    host(ip) as ip,
    device,
    broker,
    method,
    outcome,
    reason
from oadb.login_attempts
where outcome = :outcome or cast(:outcome as text) is null
order by
    attempted_at desc,
    attempt_id desc
limit least(:page_size, 1000);

-- name: count
-- scope: all users (administration)
-- All outcomes where :outcome is null.
select count(*) as attempts
from oadb.login_attempts
where
    attempted_at > now() - cast(:within as interval)
    and (outcome = :outcome or cast(:outcome as text) is null);

-- name: delete_before
-- scope: all users (retention)
delete from oadb.login_attempts
where attempted_at < now() - cast(:age as interval);

-- name: count_try
-- Counts a try of the account and of the network, each unless it has to wait; null
-- stands for one that has. From the :*_limit-th in a row on, each doubles the wait:
-- 1 s, 2 s, 4 s, up to 15 minutes. After 15 quiet minutes, the wait not among
-- them, the count begins again.
-- Tries at once wait for each other's row here, and see each other's count. The
-- account comes first, so that no two wait for each other.
with counted as (
    insert into oadb.lockouts as known (
        kind,
        subject,
        failures,
        failed_at
    )
    values
    ('account', :account, 1, now()),
    ('network', :network, 1, now())
    on conflict (kind, subject) do update
        set
            failures = case
                when
                    greatest(known.failed_at, known.unlocks_at) < now() - interval '15 minutes'
                    then 1
                else known.failures + 1
            end,
            failed_at = now(),
            unlocks_at = case
                when
                    greatest(known.failed_at, known.unlocks_at) < now() - interval '15 minutes'
                    then null
                when
                    known.failures + 1 >= case known.kind
                        when 'account' then cast(:account_limit as bigint)
                        else cast(:network_limit as bigint)
                    end
                    then
                        now() + least(
                            power(
                                2,
                                least(
                                    known.failures + 1 - case known.kind
                                        when 'account' then cast(:account_limit as bigint)
                                        else cast(:network_limit as bigint)
                                    end,
                                    20
                                )
                            ),
                            900
                        ) * interval '1 second'
            end
        where coalesce(known.unlocks_at <= now(), true)
    returning
        kind,
        failures
)

select
    max(failures) filter (where kind = 'account') as account_failures,
    max(failures) filter (where kind = 'network') as network_failures
from counted;

-- name: get_wait
-- How long until a sign-in of this account from this network is looked at.
select coalesce(greatest(max(unlocks_at) - now(), interval '0'), interval '0') as wait
from oadb.lockouts
where
    (kind = 'account' and subject = :account)
    or (kind = 'network' and subject = :network);

-- name: forgive
-- After the right password: the account's count is gone. Of the network's, this try
-- alone is taken back: who owns one account could guess others for ever. The
-- account comes first, as in count_try, so that no two wait for each other.
with account as (
    delete from oadb.lockouts
    where
        kind = 'account'
        and subject = :account
    returning kind
)

update oadb.lockouts
set
    failures = greatest(failures - 1, 0),
    unlocks_at = case
        when failures > cast(:network_limit as bigint) then unlocks_at
    end
where
    kind = 'network'
    and subject = :network
    and (select count(*) from account) >= 0;

-- name: sweep_lockouts
-- Deletes at most :batch counters that have been quiet for a day. Served by
-- lockouts_failed_at_idx.
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
