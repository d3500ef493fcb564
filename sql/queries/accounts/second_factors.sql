-- Second factors: one-time codes. Bound in oadb/accounts/second_factors.py.

-- name: _store_secret
-- Replaces a secret that was not confirmed; one that was is left alone, and no row
-- counts. May violate second_factors_user_id_fkey.
insert into oadb.second_factors as known (
    user_id,
    secret
)
values (
    :user_id,
    :secret
)
on conflict (user_id) do update
    set
        secret = excluded.secret,
        last_step = 0,
        failures = 0,
        unlocks_at = null,
        created_at = now()
    where known.confirmed_at is null;

-- name: _count_try
-- Before the code is looked at, so that many at once all count; no row while there
-- is a wait. From the fifth try in a row on, each doubles the wait; see
-- oadb.lockout_wait. The clock is the database's, in seconds since 1970.
update oadb.second_factors
set
    failures = failures + 1,
    unlocks_at = now() + oadb.lockout_wait(failures + 1, 5)
where
    user_id = :user_id
    and coalesce(unlocks_at <= now(), true)
returning
    user_id,
    secret,
    created_at,
    (floor(extract(epoch from now())))::bigint as clock;

-- name: _get_wait
-- How long until a code is looked at; no row for who has no generator.
select coalesce(greatest(unlocks_at - now(), interval '0'), interval '0') as wait
from oadb.second_factors
where user_id = :user_id;

-- name: get
select
    user_id,
    is_required_for_login,
    is_required_for_mcp,
    is_required_for_password_reset,
    created_at,
    confirmed_at
from oadb.second_factors
where user_id = :user_id;

-- name: _accept_step
-- Once for each step, however many ask at once: compare and swap. Takes back what
-- count_try counted. Compared is when the user enrolled: that changes with the
-- generator, and stays when the secret is sealed again under another key.
update oadb.second_factors
set
    last_step = :step,
    failures = 0,
    unlocks_at = null,
    confirmed_at = coalesce(confirmed_at, now())
where
    user_id = :user_id
    and last_step < :step
    and created_at = :created_at;

-- name: set_required
-- For what a code is asked for, all three at once; nothing else of the factor changes.
-- Returns how many factors there were, 0 or 1.
update oadb.second_factors
set
    is_required_for_login = :for_login,
    is_required_for_mcp = :for_mcp,
    is_required_for_password_reset = :for_password_reset
where user_id = :user_id;

-- name: delete
-- No code is asked for any more, until the user enrolls again. Returns how many factors
-- there were, 0 or 1.
delete from oadb.second_factors
where user_id = :user_id;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a row that was changed in between is left alone.
update oadb.second_factors
set secret = resealed.secret
from
    unnest(
        :user_ids::bigint[],
        :replaced::bytea[],
        :secrets::bytea[]
    ) as resealed (user_id, replaced, secret)
where
    second_factors.user_id = resealed.user_id
    and second_factors.secret = resealed.replaced;
