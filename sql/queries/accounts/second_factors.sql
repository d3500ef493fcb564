-- Second factors: one-time codes. Bound in oadb/accounts/second_factors.py.

-- name: _store_secret
-- Replaces a factor that was not confirmed; a confirmed one stays, and 0 rows are
-- affected. May violate second_factors_user_id_fkey and second_factors_key_id_fkey.
insert into oadb.second_factors as known (
    user_id,
    secret,
    created_at
)
values (
    :user_id,
    :secret,
    now()
)
on conflict (user_id) do update
    set
        secret = excluded.secret,
        last_step = 0,
        failures = 0,
        unlocks_at = null,
        recovery_salt = null,
        recovery_used = null,
        created_at = excluded.created_at
    where known.confirmed_at is null;

-- name: _count_try
-- Runs before the code is verified, so that concurrent tries all count. Returns no row
-- during a wait. From the fifth consecutive try on, each one doubles the wait (see
-- oadb.lockout_wait). clock is the database's, in seconds since 1970; wait is how long the
-- next try has to wait if this code is wrong. Computed without a time zone, because in an update,
-- a cluster adds nothing to a time in one. Served by second_factors_pkey.
with tried as (
    update oadb.second_factors
    set
        failures = failures + 1,
        unlocks_at
        = (now() at time zone 'UTC' + oadb.lockout_wait(failures + 1, 5)) at time zone 'UTC'
    where
        user_id = :user_id
        and (unlocks_at is null or unlocks_at <= now())
    returning
        user_id,
        secret,
        created_at,
        confirmed_at,
        recovery_salt,
        unlocks_at
)

select
    user_id,
    secret,
    created_at,
    confirmed_at is not null as is_confirmed,
    recovery_salt,
    floor(extract(epoch from now()))::bigint as clock,
    coalesce(unlocks_at - now(), interval '0') as wait
from tried;

-- name: _get_wait
-- primary: whether a code may be tried
-- The time until a code is verified again; no row for a user without a second factor. Served by
-- second_factors_pkey.
select coalesce(greatest(unlocks_at - now(), interval '0'), interval '0') as wait
from oadb.second_factors
where user_id = :user_id;

-- name: get
-- primary: whether a sign-in needs a code
-- Served by second_factors_pkey.
select
    user_id,
    is_required_for_login,
    is_required_for_mcp,
    is_required_for_password_reset,
    created_at,
    confirmed_at,
    coalesce(
        10 - length(replace(recovery_used::bit(10)::text, '0', '')), 0
    ) as recovery_codes_left
from oadb.second_factors
where user_id = :user_id;

-- name: _accept_step
-- Compare and swap: one of several calls at once accepts a step. Resets the count of
-- _count_try. The first step confirms the factor: the earlier time is the one that is there.
-- created_at identifies the factor: it changes when the user enrolls again,
-- and stays when the secret is sealed again under another key. Served by second_factors_pkey.
update oadb.second_factors
set
    last_step = :step,
    failures = 0,
    unlocks_at = null,
    confirmed_at = least(confirmed_at, now())
where
    user_id = :user_id
    and last_step < :step
    and created_at = :created_at;

-- name: _find_secret
-- primary: whether a code is right
-- Of a confirmed factor. Served by second_factors_pkey.
select
    secret,
    created_at
from oadb.second_factors
where
    user_id = :user_id
    and confirmed_at is not null;

-- name: _set_recovery
-- All codes from before stop working. created_at identifies the factor. Served by
-- second_factors_pkey.
update oadb.second_factors
set
    recovery_salt = :salt,
    recovery_used = 0
where
    user_id = :user_id
    and created_at = :created_at;

-- name: _accept_recovery
-- One of several calls at once accepts a code: each has a bit. Resets the count of _count_try.
-- Served by second_factors_pkey.
update oadb.second_factors
set
    recovery_used = recovery_used | :bit,
    failures = 0,
    unlocks_at = null
where
    user_id = :user_id
    and created_at = :created_at
    and recovery_salt = :salt
    and recovery_used & :bit = 0;

-- name: _note_wrong
-- For the security events; the try was counted before. Served by second_factors_pkey.
update oadb.second_factors
set wrong_at = now()
where
    user_id = :user_id
    and created_at = :created_at;

-- name: _set_required
-- Sets what a code is required for, all three flags. Returns the number of factors
-- changed, 0 or 1. Served by second_factors_pkey.
update oadb.second_factors
set
    is_required_for_login = :for_login,
    is_required_for_mcp = :for_mcp,
    is_required_for_password_reset = :for_password_reset
where user_id = :user_id;

-- name: _disable
-- No code is required until the user enrolls again. Returns the number of factors
-- deleted, 0 or 1. Served by second_factors_pkey.
delete from oadb.second_factors
where user_id = :user_id;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a row that was changed meanwhile is left alone. Served by second_factors_pkey.
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
