-- What oadb has of imported rows, and changes that follow those of another system. Bound in
-- oadb/importing/updating.py.

-- name: _get_credentials
-- Served by users_pkey and second_factors_pkey.
select
    users.user_id,
    users.password_hash,
    users.auth_epoch,
    second_factors.secret,
    second_factors.confirmed_at is not null as is_confirmed,
    coalesce(second_factors.is_required_for_login, false) as for_login,
    coalesce(second_factors.is_required_for_mcp, false) as for_mcp,
    coalesce(second_factors.is_required_for_password_reset, false) as for_password_reset
from oadb.users
left outer join oadb.second_factors on users.user_id = second_factors.user_id
where users.user_id = :user_id;

-- name: _replace_factor
-- created_at identifies a factor, so a code of the old one that is being verified is refused.
-- May violate second_factors_user_id_fkey.
insert into oadb.second_factors as known (
    user_id,
    secret,
    is_required_for_login,
    is_required_for_mcp,
    is_required_for_password_reset,
    created_at,
    confirmed_at
)
values (
    :user_id,
    :secret,
    :for_login,
    :for_mcp,
    :for_password_reset,
    now(),
    case when :is_confirmed then now() end
)
on conflict (user_id) do update
    set
        secret = excluded.secret,
        is_required_for_login = excluded.is_required_for_login,
        is_required_for_mcp = excluded.is_required_for_mcp,
        is_required_for_password_reset = excluded.is_required_for_password_reset,
        confirmed_at = excluded.confirmed_at,
        last_step = 0,
        failures = 0,
        unlocks_at = null,
        recovery_salt = null,
        recovery_used = null,
        created_at = excluded.created_at;

-- name: _replace_key
-- The old token stops working with this statement. Replaces nothing if the new one is that of
-- another key, under any root key (:token_digests), or if this one is revoked. Served by
-- api_keys_pkey and api_keys_token_digest_idx.
update oadb.api_keys
set
    hint = :hint,
    token_digest = :token_digest,
    fingerprint = :fingerprint,
    kept_token = :kept_token,
    rotated_at = now(),
    last_used_at = null
where
    user_id = :user_id
    and api_key_id = :api_key_id
    and revoked_at is null
    and not exists (
        select 1 from oadb.api_keys as others
        where
            others.token_digest = any(:token_digests)
            and others.api_key_id <> :api_key_id
    );

-- name: _find_ban
-- Also one that has expired. Served by ip_bans_pkey.
select
    reason,
    offences,
    expires_at
from oadb.ip_bans
where network = cast(cast(:network as text) as inet);

-- name: _replace_ban
-- A ban of more than 36,500 days is made permanent, as by adopt_ban. Served by ip_bans_pkey.
update oadb.ip_bans
set
    reason = :reason,
    offences = :offences,
    expires_at = case
        when :expires_at < now() + interval '36500 days' then :expires_at
    end,
    source = 'import',
    banned_by = null
where network = cast(cast(:network as text) as inet);
