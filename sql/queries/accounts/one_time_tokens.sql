-- One-time tokens, for what a user may do without being signed in. Bound in
-- oadb/accounts/one_time_tokens.py.

-- name: _lock_user
-- So that of a user, one token is made or used at a time; an index of the tokens orders nothing.
-- Served by users_pkey.
select user_id
from oadb.users
where user_id = :user_id
for no key update;

-- name: _insert
-- May violate one_time_tokens_new_email_check. Served by users_pkey.
insert into oadb.one_time_tokens (
    user_id,
    token_id,
    purpose,
    token_digest,
    binding,
    auth_epoch,
    email,
    new_email,
    expires_at
)
select
    users.user_id,
    cast(:token_id as uuid) as token_id,
    cast(:purpose as text) as purpose,
    cast(:token_digest as bytea) as token_digest,
    cast(:binding as bytea) as binding,
    users.auth_epoch,
    users.email,
    cast(:new_email as text) as new_email,
    now() + cast(:lifetime as interval) as expires_at
from oadb.users
where users.user_id = :user_id
returning expires_at;

-- name: _trim
-- Deletes the oldest unused ones of a purpose beyond the newest :most. :token_id was just made and
-- counts as the newest, even if the clock went back. Served by one_time_tokens_pkey.
delete from oadb.one_time_tokens
where
    user_id = :user_id
    and token_id in (
        select newest.token_id
        from oadb.one_time_tokens as newest
        where
            newest.user_id = :user_id
            and newest.purpose = :purpose
            and newest.used_at is null
        order by
            newest.token_id = :token_id desc,
            newest.created_at desc,
            newest.token_id asc
        offset :most
    );

-- name: _find_by_digest
-- scope: all users (a token of the old form names no user)
-- primary: whether a token may be used
-- A token that was used, has expired, or was made before a new password or address is not found,
-- nor that of a disabled user. While root keys rotate, those of a user are read. Served by
-- one_time_tokens_token_digest_idx, one_time_tokens_pkey, second_factors_pkey and users_pkey.
select
    tokens.user_id,
    tokens.token_id,
    tokens.purpose,
    tokens.new_email,
    tokens.binding,
    coalesce(
        second_factors.is_required_for_password_reset and second_factors.confirmed_at is not null,
        false
    ) as is_code_required
from oadb.one_time_tokens as tokens
inner join oadb.users
    on
        tokens.user_id = users.user_id
        and tokens.user_id = :user_id  --? user_id
left outer join oadb.second_factors on tokens.user_id = second_factors.user_id
where
    tokens.token_digest = any(:digests)
    and tokens.used_at is null
    and tokens.expires_at > now()
    and tokens.auth_epoch = users.auth_epoch
    and tokens.email = users.email
    and users.disabled_at is null;

-- name: _use
-- Of several calls at once, one uses a token; others of the user wait in _lock_user. Served by
-- one_time_tokens_pkey and users_pkey.
update oadb.one_time_tokens as tokens
set used_at = now()
from oadb.users
where
    tokens.user_id = :user_id
    and tokens.token_id = :token_id
    and tokens.used_at is null
    and tokens.expires_at > now()
    and tokens.user_id = users.user_id
    and tokens.auth_epoch = users.auth_epoch
    and tokens.email = users.email
    and users.disabled_at is null;

-- name: _void
-- Of all purposes. Served by one_time_tokens_pkey.
delete from oadb.one_time_tokens
where
    user_id = :user_id
    and used_at is null
    and expires_at > now();

-- name: delete_expired
-- lock timeout: 200 ms
-- scope: all users (background sweep)
-- Deletes at most :batch; one sweep at a time, as in sessions.sql. Served by claims_pkey,
-- one_time_tokens_expires_at_idx and one_time_tokens_pkey.
with expired as materialized (
    select
        one_time_tokens.user_id,
        one_time_tokens.token_id
    from oadb.one_time_tokens
    where one_time_tokens.expires_at <= now()
    order by one_time_tokens.expires_at
    limit :batch
),

claim as materialized (
    select claims.subject
    from oadb.claims
    where
        claims.subject = 'one_time_tokens'
        and exists (select 1 from expired)
    for update skip locked
)

delete from oadb.one_time_tokens
using expired
where
    one_time_tokens.user_id = expired.user_id
    and one_time_tokens.token_id = expired.token_id
    and exists (select 1 from claim);
