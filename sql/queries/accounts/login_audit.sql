-- The audit of sign-ins, as it is written. Bound in oadb/accounts/login_audit.py.

-- name: _record
-- scope: all users (the name may be unknown)
-- May violate the checks. Served by users_username_lower_key.
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
select
    :username,
    (
        select users.user_id
        from oadb.users
        where users.username_key = lower(:username)
    ) as user_id,
    cast(cast(:ip as text) as inet) as ip,
    :device,
    :broker,
    :method,
    :outcome,
    :reason;

-- name: _record_locked
-- scope: all users (the name may be unknown)
-- Counts the tries of a client that has to wait in one row an hour: of an account in a
-- network, or, if the network has to wait and :locked_account is empty, of whatever account
-- it names. The row says what the first of them was. locked_clients knows when that was; who
-- comes meanwhile waits for its row there, and is counted after it. A statement that began
-- before the first try was committed does not see its row: oadb.try_again() raises an error,
-- and the statement is repeated. A row that was deleted counts no more. May violate the
-- checks. Served by locked_clients_pkey and login_attempts_pkey. Also served by
-- users_username_lower_key.
-- grows: with the partitions, one for each month of the retention: a lookup in each.
with waiting as (
    insert into oadb.locked_clients as known (
        hour_at,
        network,
        account
    )
    values (
        date_trunc('hour', now(), 'UTC'),
        :locked_network,
        lower(:locked_account)
    )
    on conflict (hour_at, network, account) do update
        set tries = known.tries + 1
    returning
        hour_at,
        network,
        account,
        first_at,
        tries,
        clock_timestamp() as counted_at
),

counted as (
    update oadb.login_attempts
    set
        tries = waiting.tries,
        last_at = waiting.counted_at
    from waiting
    where
        waiting.tries > 1
        and login_attempts.attempted_at = waiting.first_at
        and login_attempts.locked_hour_at = waiting.hour_at
        and login_attempts.locked_network = waiting.network
        and login_attempts.locked_account = waiting.account
    returning login_attempts.attempt_id
)

insert into oadb.login_attempts (
    username,
    user_id,
    ip,
    device,
    broker,
    method,
    outcome,
    locked_hour_at,
    locked_network,
    locked_account
)
select
    :username,
    (
        select users.user_id
        from oadb.users
        where users.username_key = lower(:username)
    ) as user_id,
    cast(cast(:ip as text) as inet) as ip,
    :device,
    :broker,
    'password' as method,
    'locked' as outcome,
    waiting.hour_at,
    waiting.network,
    waiting.account
from waiting
where
    case
        when waiting.tries = 1 then true
        when exists (select 1 from counted) then false
        when waiting.first_at < now() - interval '10 seconds' then false
        else oadb.try_again() is null
    end;

-- name: delete_expired
-- scope: all users (background sweep)
-- Deletes at most :batch clients of hours that are over for an hour. Served by
-- locked_clients_pkey.
delete from oadb.locked_clients
where (hour_at, network, account) in (
    select
        old.hour_at,
        old.network,
        old.account
    from oadb.locked_clients as old
    where old.hour_at < now() - interval '2 hours'
    order by old.hour_at
    limit :batch
    for update skip locked
);

-- name: record_resumed
-- Affects no row if there is no such user. May violate login_attempts_broker_check. Served by
-- users_pkey.
insert into oadb.login_attempts (
    username,
    user_id,
    ip,
    device,
    broker,
    method,
    outcome
)
select
    users.username,
    users.user_id,
    cast(cast(:ip as text) as inet) as ip,
    cast(:device as text) as device,
    cast(:broker as text) as broker,
    'resume' as method,
    'resumed' as outcome
from oadb.users
where users.user_id = :user_id;
