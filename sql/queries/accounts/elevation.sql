-- Elevation: sessions whose users have proven again who they are. Bound in
-- oadb/accounts/elevation.py.

-- name: _replace
-- The old session ends and the new one begins in one statement; of several at once, one replaces
-- it. No row: it had ended. May violate sessions_key_id_fkey. Served by sessions_pkey.
with ended as (
    delete from oadb.sessions
    where
        user_id = :user_id
        and session_id = :replaced
        and lapses_at > now()
    returning
        user_id,
        device,
        ip,
        broker,
        data,
        idle_timeout,
        expires_at
)

insert into oadb.sessions (
    user_id,
    session_id,
    token_digest,
    fingerprint,
    device,
    ip,
    broker,
    data,
    created_at,
    last_seen_at,
    authenticated_at,
    assurance,
    idle_timeout,
    lapses_at,
    sweep_at,
    expires_at
)
select
    ended.user_id,
    cast(:session_id as uuid) as session_id,
    cast(:token_digest as bytea) as token_digest,
    cast(:fingerprint as bytea) as fingerprint,
    ended.device,
    ended.ip,
    ended.broker,
    ended.data,
    clock_timestamp() as created_at,
    clock_timestamp() as last_seen_at,
    clock_timestamp() as authenticated_at,
    cast(:assurance as bigint) as assurance,
    ended.idle_timeout,
    least(clock_timestamp() + ended.idle_timeout, ended.expires_at) as lapses_at,
    least(clock_timestamp() + ended.idle_timeout, ended.expires_at) as sweep_at,
    ended.expires_at
from ended
returning
    user_id,
    session_id,
    device,
    host(ip) as ip,
    broker,
    data,
    created_at,
    last_seen_at,
    expires_at,
    authenticated_at,
    assurance;
