-- Login attempts: the audit of sign-ins. Bound in oadb/accounts/login_attempts.py.

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

-- name: _record_resumed
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

-- name: list_attempts
-- scope: all users (administration; or of one)
-- Newest first. Those of a user are served by login_attempts_user_id_idx, others by
-- login_attempts_attempted_at_idx: for a rare outcome, all rows of the window are read.
select
    attempt_id,
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
where
    true
    and user_id = :user_id                                                   --? user_id
    and outcome = :outcome                                                   --? outcome
    and attempted_at >= :since                                               --? since
    and attempted_at < :until                                                --? until
    and attempted_at <= :last_attempted_at                                   --? cursor
    and (attempted_at, attempt_id) < (:last_attempted_at, :last_attempt_id)  --? cursor
order by
    attempted_at desc,
    attempt_id desc
limit :limit;

-- name: count
-- scope: all users (administration)
-- Of a window. Those of a user are served by login_attempts_user_id_idx, others by
-- login_attempts_attempted_at_idx.
select count(*) as attempts
from oadb.login_attempts
where
    attempted_at >= greatest(cast(:since as timestamptz), '-infinity')
    and user_id = :user_id  --? user_id
    and outcome = :outcome  --? outcome
    and attempted_at < least(cast(:until as timestamptz), 'infinity');

-- name: delete_old
-- scope: all users (retention)
-- Deletes at most :batch attempts that are older than :older_than. Served by
-- login_attempts_attempted_at_idx.
delete from oadb.login_attempts
where attempt_id in (
    select old.attempt_id
    from oadb.login_attempts as old
    where old.attempted_at < now() - cast(:older_than as interval)
    order by old.attempted_at
    limit :batch
);
