-- API keys: the credentials of programs that act for a user. Bound in oadb/accounts/api_keys.py.

-- name: _insert_key
-- May violate the checks, api_keys_user_id_fkey and api_keys_key_id_fkey.
insert into oadb.api_keys (
    user_id,
    api_key_id,
    name,
    hint,
    token_digest,
    fingerprint,
    kept_token,
    scopes,
    order_mode,
    expires_at
)
values (
    :user_id,
    :api_key_id,
    :name,
    :hint,
    :token_digest,
    :fingerprint,
    :kept_token,
    :scopes,
    :order_mode,
    now() + cast(:lifetime as interval)
)
returning
    user_id,
    api_key_id,
    name,
    hint,
    scopes,
    order_mode,
    kept_token is not null as is_kept,
    created_at,
    rotated_at,
    last_used_at,
    expires_at,
    revoked_at;

-- name: _find_by_digest
-- scope: all users (a key of the old form names no user)
-- primary: whether a key may act
-- Expiry is by the database's clock. While root keys rotate, a token has one digest for each, and
-- at most one row; of a user, the keys are read then. Served by api_keys_token_digest_idx,
-- api_keys_pkey and users_pkey.
select
    api_keys.user_id,
    api_keys.api_key_id,
    api_keys.scopes,
    api_keys.order_mode,
    api_keys.expires_at,
    api_keys.fingerprint,
    api_keys.revoked_at is not null as is_revoked,
    coalesce(api_keys.expires_at <= now(), false) as is_expired,
    users.disabled_at is not null as is_disabled
from oadb.api_keys
inner join oadb.users
    on
        api_keys.user_id = users.user_id
        and api_keys.user_id = :user_id  --? user_id
where
    (
        api_keys.token_digest = :token_digest
        or api_keys.token_digest = any(:others)  --? others
    );

-- name: _find_known
-- primary: whether a key may act
-- The key of a token whose fingerprint this process has opened, if it may be used: no row for one
-- that is revoked, expired or has another token, or of a disabled user. Served by api_keys_pkey and
-- users_pkey.
select
    api_keys.user_id,
    api_keys.api_key_id,
    api_keys.scopes,
    api_keys.order_mode,
    api_keys.expires_at
from oadb.api_keys
inner join oadb.users on api_keys.user_id = users.user_id
where
    api_keys.user_id = :user_id
    and api_keys.api_key_id = :api_key_id
    and api_keys.fingerprint = :fingerprint
    and api_keys.revoked_at is null
    and coalesce(api_keys.expires_at > now(), true)
    and users.disabled_at is null;

-- name: get
-- Also one that is revoked or expired. Served by api_keys_pkey.
select
    user_id,
    api_key_id,
    name,
    hint,
    scopes,
    order_mode,
    kept_token is not null as is_kept,
    created_at,
    rotated_at,
    last_used_at,
    expires_at,
    revoked_at
from oadb.api_keys
where
    user_id = :user_id
    and api_key_id = :api_key_id;

-- name: list_by_user
-- Newest first, including revoked and expired ones. Served by api_keys_pkey: a user has few.
select
    user_id,
    api_key_id,
    name,
    hint,
    scopes,
    order_mode,
    kept_token is not null as is_kept,
    created_at,
    rotated_at,
    last_used_at,
    expires_at,
    revoked_at
from oadb.api_keys
where
    user_id = :user_id
    and (created_at, api_key_id) < (:last_created_at, :last_api_key_id)  --? cursor
order by
    created_at desc,
    api_key_id desc
limit :limit;

-- name: _find_kept
-- primary: the token of a key
-- The kept token of a key, or without :api_key_id the newest one of the user. No row: none is kept,
-- or its key is revoked or expired, or the user disabled. Served by api_keys_pkey and users_pkey.
select
    api_keys.api_key_id,
    api_keys.kept_token
from oadb.api_keys
inner join oadb.users on api_keys.user_id = users.user_id
where
    api_keys.user_id = :user_id
    and api_keys.api_key_id = :api_key_id  --? api_key_id
    and api_keys.kept_token is not null
    and api_keys.revoked_at is null
    and coalesce(api_keys.expires_at > now(), true)
    and users.disabled_at is null
order by
    coalesce(api_keys.rotated_at, api_keys.created_at) desc,
    api_keys.api_key_id desc
limit 1;

-- name: get_order_mode
-- primary: whether an order is sent at once
-- No row for a key that is revoked or expired, or of a disabled user. Served by api_keys_pkey and
-- users_pkey.
select api_keys.order_mode
from oadb.api_keys
inner join oadb.users on api_keys.user_id = users.user_id
where
    api_keys.user_id = :user_id
    and api_keys.api_key_id = :api_key_id
    and api_keys.revoked_at is null
    and coalesce(api_keys.expires_at > now(), true)
    and users.disabled_at is null;

-- name: _set_mode
-- Served by api_keys_pkey.
update oadb.api_keys
set order_mode = :order_mode
where
    user_id = :user_id
    and api_key_id = :api_key_id
    and revoked_at is null;

-- name: _rename
-- Served by api_keys_pkey.
update oadb.api_keys
set name = :name
where
    user_id = :user_id
    and api_key_id = :api_key_id;

-- name: _set_scopes
-- Served by api_keys_pkey.
update oadb.api_keys
set scopes = :scopes
where
    user_id = :user_id
    and api_key_id = :api_key_id
    and revoked_at is null;

-- name: _revoke
-- Deletes a kept token. A key that is already revoked keeps its time. Served by api_keys_pkey.
update oadb.api_keys
set
    revoked_at = now(),
    kept_token = null
where
    user_id = :user_id
    and api_key_id = :api_key_id
    and revoked_at is null;

-- name: _replace_token
-- The old token stops working with this statement. A revoked or expired key is left alone,
-- because its new token would not be accepted. Served by api_keys_pkey.
update oadb.api_keys
set
    hint = :hint,
    token_digest = :token_digest,
    fingerprint = :fingerprint,
    kept_token = case when kept_token is null then null else cast(:kept_token as bytea) end,
    rotated_at = now(),
    last_used_at = null
where
    user_id = :user_id
    and api_key_id = :api_key_id
    and revoked_at is null
    and (expires_at is null or expires_at > now());

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a row that was changed meanwhile is left alone. An empty element of
-- :kept_tokens stands for null. Served by api_keys_pkey.
update oadb.api_keys
set
    token_digest = resealed.token_digest,
    fingerprint = resealed.fingerprint,
    kept_token = nullif(resealed.kept_token, '')
from
    unnest(
        :user_ids::bigint[],
        :api_key_ids::text[]::uuid[],
        :replaced::bytea[],
        :fingerprints::bytea[],
        :digests::bytea[],
        :kept_tokens::bytea[]
    ) as resealed (user_id, api_key_id, replaced, fingerprint, token_digest, kept_token)
where
    api_keys.user_id = resealed.user_id
    and api_keys.api_key_id = resealed.api_key_id
    and api_keys.fingerprint = resealed.replaced
    and (api_keys.kept_token is null) = (resealed.kept_token = '');
