-- Credentials and bans that are taken over from another system. Bound in
-- oadb/importing/takeover.py.

-- name: _adopt_password
-- An existing password stays. No session began with the new one, so auth_epoch need
-- not change. Served by users_pkey.
update oadb.users
set password_hash = :password_hash
where
    user_id = :user_id
    and password_hash is null;

-- name: _adopt_second_factor
-- An existing second factor stays. May violate second_factors_user_id_fkey.
insert into oadb.second_factors (
    user_id,
    secret,
    is_required_for_login,
    is_required_for_mcp,
    is_required_for_password_reset,
    confirmed_at
)
values (
    :user_id,
    :secret,
    :for_login,
    :for_mcp,
    :for_password_reset,
    case when :is_confirmed then now() end
)
on conflict (user_id) do nothing;

-- name: _adopt_key
-- Inserts nothing if the key exists, under any root key (:token_digests), or if another
-- key was taken over under this id. May violate api_keys_user_id_fkey and the checks. Served by
-- api_keys_token_digest_idx.
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
    created_at
)
select
    :user_id,
    :api_key_id,
    :name,
    :hint,
    :token_digest,
    :fingerprint,
    :kept_token,
    '{}',
    :order_mode,
    coalesce(:created_at, now())
where
    not exists (
        select 1 from oadb.api_keys
        where api_keys.token_digest = any(:token_digests)
    )
on conflict (user_id, api_key_id) do nothing;

-- name: _list_owners
-- scope: all users (a key does not name its user)
-- primary: what an import has stored before
-- At most one. Served by api_keys_token_digest_idx.
select user_id
from oadb.api_keys
where token_digest = any(:token_digests)
order by user_id;

-- name: _adopt_tokens
-- Existing tokens stay, even if revoked. May violate broker_tokens_user_id_fkey and the
-- checks.
insert into oadb.broker_tokens (
    user_id,
    broker,
    client_id,
    access_token,
    refresh_token,
    feed_token,
    parameters,
    content_digest
)
values (
    :user_id,
    :broker,
    :client_id,
    :access_token,
    :refresh_token,
    :feed_token,
    :parameters,
    :content_digest
)
on conflict (user_id, broker) do nothing;

-- name: _adopt_ban
-- An existing ban stays, unless it has expired. A ban of more than 36,500 days is made
-- permanent. Served by ban_exemptions_network_idx.
with found as (
    select
        cast(cast(:network as text) as inet) as network,
        exists(
            select 1 from oadb.ban_exemptions
            where ban_exemptions.network && cast(cast(:network as text) as inet)
        ) as is_exempt,
        coalesce(cast(:expires_at as timestamptz) <= now(), false) as is_over
),

taken as (
    insert into oadb.ip_bans as known (
        network,
        reason,
        offences,
        banned_at,
        expires_at,
        source
    )
    select
        found.network,
        :reason,
        :offences,
        least(coalesce(cast(:banned_at as timestamptz), now()), now()),
        case when :expires_at < now() + interval '36500 days' then :expires_at end,
        'import'
    from found
    where
        not found.is_exempt
        and not found.is_over
    on conflict (network) do update
        set
            reason = excluded.reason,
            offences = greatest(known.offences, excluded.offences),
            banned_at = excluded.banned_at,
            expires_at = excluded.expires_at,
            source = excluded.source,
            banned_by = null
        where known.expires_at <= now()
    returning network
)

select
    found.is_exempt,
    found.is_over,
    exists(select 1 from taken) as is_taken
from found;
