-- The audit of sign-ins, as it is written. Bound in oadb/accounts/login_audit.py.

-- name: _record
-- scope: all users (the name may be unknown)
-- May violate the checks.
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

-- name: _record_locked
-- scope: all users (the name may be unknown)
-- Counts the tries of a client that has to wait in one row an hour: of an account in a
-- network, or, if the network has to wait and :locked_account is empty, of whatever account
-- it names. The row says what the first of them was. May violate the checks.
insert into oadb.login_attempts as known (
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
    'password',
    'locked',
    date_trunc('hour', now(), 'UTC'),
    :locked_network,
    lower(:locked_account)
)
on conflict (locked_hour_at, locked_network, locked_account) where locked_hour_at is not null
do update
    set
        tries = known.tries + 1,
        last_at = clock_timestamp();

-- name: record_resumed
-- Affects no row if there is no such user. May violate login_attempts_broker_check.
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
