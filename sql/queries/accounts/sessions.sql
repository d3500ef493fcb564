-- Sessions: sign-ins that are still valid. Bound in oadb/accounts/sessions.py.

-- name: _claim_user
-- Locks the user's row, so that sign-ins of one user at once do not exceed :most; other
-- users do not wait. Returns no row if there is no such user, it is disabled, or the password was
-- changed after it was verified. Served by users_pkey.
select user_id
from oadb.users
where
    user_id = :user_id
    and auth_epoch = :auth_epoch
    and disabled_at is null
for no key update;

-- name: _insert_session
-- By clock_timestamp(), not now(): the transaction may have waited in _claim_user, and the
-- newest session must be the last one made. sweep_at is by now(), because PostgreSQL computes
-- expires_at before it, and it must not be the later one. May violate the checks and
-- sessions_key_id_fkey.
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
values (
    :user_id,
    :session_id,
    :token_digest,
    :fingerprint,
    :device,
    cast(cast(:ip as text) as inet),
    :broker,
    :data,
    clock_timestamp(),
    clock_timestamp(),
    clock_timestamp(),
    :assurance,
    :idle_timeout,
    clock_timestamp() + least(:idle_timeout, cast(:lifetime as interval)),
    now() + least(:idle_timeout, cast(:lifetime as interval)),
    clock_timestamp() + cast(:lifetime as interval)
)
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

-- name: _trim
-- Deletes lapsed sessions, and the oldest beyond the newest :most. :session_id was just
-- made and counts as the newest, even if the clock went back. Served by sessions_pkey.
delete from oadb.sessions
where
    user_id = :user_id
    and (
        lapses_at <= now()
        or session_id in (
            select newest.session_id
            from oadb.sessions as newest
            where
                newest.user_id = :user_id
                and newest.lapses_at > now()
            order by
                newest.session_id = :session_id desc,
                newest.created_at desc,
                newest.session_id asc
            offset :most
        )
    );

-- name: _find_by_digest
-- scope: all users (a token of the old form names no user)
-- primary: whether a session may act
-- seen_at is null until a minute has passed since the session was noted as seen. lapses_at is what
-- _note_seen writes then. While root keys rotate, a token has one digest for each, and at most one
-- row; of a user, the sessions are read then. Served by sessions_token_digest_idx, sessions_pkey
-- and users_pkey.
select
    sessions.user_id,
    sessions.session_id,
    sessions.device,
    host(sessions.ip) as ip,
    sessions.broker,
    sessions.data,
    sessions.created_at,
    sessions.last_seen_at,
    sessions.expires_at,
    sessions.authenticated_at,
    sessions.assurance,
    sessions.fingerprint,
    now() - sessions.authenticated_at as age,
    case when sessions.last_seen_at < now() - interval '1 minute' then now() end as seen_at,
    least(sessions.expires_at, now() + sessions.idle_timeout) as lapses_at
from oadb.sessions
inner join oadb.users
    on
        sessions.user_id = users.user_id
        and sessions.user_id = :user_id  --? user_id
where
    (
        sessions.token_digest = :token_digest
        or sessions.token_digest = any(:others)  --? others
    )
    and sessions.lapses_at > now()
    and users.disabled_at is null;

-- name: _note_seen
-- repeatable: a second run finds the session seen
-- lock timeout: 100 ms
-- Runs apart from the request that has seen the session, at :seen_at, and later if it failed; so
-- it writes no time of its own, and one that has lapsed by now stays so. Of many processes that saw
-- it within a minute, one writes. Served by sessions_pkey.
update oadb.sessions
set
    last_seen_at = :seen_at,
    lapses_at = :lapses_at
where
    user_id = :user_id
    and session_id = :session_id
    and last_seen_at < cast(:seen_at as timestamptz) - interval '1 minute'
    and lapses_at > now();

-- name: get
-- primary: whether a session is in effect
-- Served by sessions_pkey.
select
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
    assurance
from oadb.sessions
where
    user_id = :user_id
    and session_id = :session_id
    and lapses_at > now();

-- name: list_by_user
-- Newest first. Served by sessions_pkey: a user has few.
select
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
    assurance
from oadb.sessions
where
    user_id = :user_id
    and lapses_at > now()
    and (created_at, session_id) < (:last_created_at, :last_session_id)  --? cursor
order by
    created_at desc,
    session_id desc
limit :limit;

-- name: _set_data
-- Served by sessions_pkey.
update oadb.sessions
set data = :data
where
    user_id = :user_id
    and session_id = :session_id
    and lapses_at > now();

-- name: _end
-- repeatable: an idempotent delete
-- Served by sessions_pkey.
delete from oadb.sessions
where
    user_id = :user_id
    and session_id = :session_id;

-- name: _end_all
-- All but :keep; null keeps none. Served by sessions_pkey.
delete from oadb.sessions
where
    user_id = :user_id
    and session_id is distinct from :keep;

-- name: _sweep
-- lock timeout: 200 ms
-- scope: all users (background sweep)
-- Looks at no more than :batch sessions whose time to be looked at has come. Deletes those that
-- lapsed; the others are looked at again when they would lapse now. So lapses_at, which moves every
-- minute, needs no index; it is compared again in the row that is deleted, which may have been used
-- meanwhile. One sweep at a time: for another at once, none are due. A cluster skips no locked rows
-- of several shards, so a sweep waits for them, less long than deadlock_timeout: their holder is
-- never the one that is undone. Served by claims_pkey, sessions_sweep_at_idx and
-- sessions_pkey.
with due as materialized (
    select
        sessions.user_id,
        sessions.session_id
    from oadb.sessions
    where sessions.sweep_at <= now()
    order by sessions.sweep_at
    limit :batch
),

claim as materialized (
    select claims.subject
    from oadb.claims
    where
        claims.subject = 'sessions'
        and exists (select 1 from due)
    for update skip locked
),

postponed as (
    update oadb.sessions
    set sweep_at = sessions.lapses_at
    from due
    where
        sessions.user_id = due.user_id
        and sessions.session_id = due.session_id
        and sessions.lapses_at > now()
        and exists (select 1 from claim)
),

deleted as (
    delete from oadb.sessions
    using due
    where
        sessions.user_id = due.user_id
        and sessions.session_id = due.session_id
        and sessions.lapses_at <= now()
        and exists (select 1 from claim)
    returning sessions.session_id
)

select
    (
        select count(*)
        from due
        where exists (select 1 from claim)
    ) as due,
    (select count(*) from deleted) as deleted;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a session that was changed or ended meanwhile is left alone. Served by
-- sessions_pkey.
update oadb.sessions
set
    token_digest = resealed.token_digest,
    fingerprint = resealed.fingerprint
from
    unnest(
        :user_ids::bigint[],
        :session_ids::text[]::uuid[],
        :replaced::bytea[],
        :fingerprints::bytea[],
        :digests::bytea[]
    ) as resealed (user_id, session_id, replaced, fingerprint, token_digest)
where
    sessions.user_id = resealed.user_id
    and sessions.session_id = resealed.session_id
    and sessions.fingerprint = resealed.replaced;
