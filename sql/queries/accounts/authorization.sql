-- Authorization: all that decides about an order, in one statement. Bound in
-- oadb/accounts/authorization.py.

-- name: _find_by_digest
-- scope: all users (a key of the old form names no user)
-- primary: whether a session or key may act
-- The key, its user, the trading mode, and the user's current login at a broker; null if there is
-- none. Digests are those of api_keys._find_by_digest, and the login that of
-- broker_tokens.find_sealed. Of one snapshot; expiry is by the database's clock. Served by
-- api_keys_token_digest_idx, api_keys_pkey, users_pkey and broker_tokens_pkey.
select
    api_keys.user_id,
    users.username,
    api_keys.api_key_id,
    api_keys.scopes,
    api_keys.order_mode,
    api_keys.expires_at,
    api_keys.fingerprint,
    api_keys.revoked_at is not null as is_revoked,
    coalesce(api_keys.expires_at <= now(), false) as is_expired,
    users.disabled_at is not null as is_disabled,
    trading_mode.mode as trading_mode,
    login.broker,
    login.client_id,
    login.access_token,
    login.refresh_token,
    login.feed_token,
    login.parameters,
    login.updated_at as login_updated_at,
    login.expires_at as login_expires_at,
    login.revoked_at is not null as is_login_revoked,
    coalesce(login.expires_at <= now(), false) as is_login_expired
from oadb.api_keys
inner join oadb.users
    on
        api_keys.user_id = users.user_id
        and api_keys.user_id = :user_id  --? user_id
left join oadb.trading_mode on trading_mode.singleton_id = 1
left join lateral (
    select
        broker_tokens.broker,
        broker_tokens.client_id,
        broker_tokens.access_token,
        broker_tokens.refresh_token,
        broker_tokens.feed_token,
        broker_tokens.parameters,
        broker_tokens.updated_at,
        broker_tokens.expires_at,
        broker_tokens.revoked_at
    from oadb.broker_tokens
    where
        broker_tokens.user_id = api_keys.user_id
        and broker_tokens.user_id = :user_id  --? user_id
    order by
        broker_tokens.revoked_at is null
        and coalesce(broker_tokens.expires_at > now(), true) desc,
        broker_tokens.updated_at desc,
        broker_tokens.broker asc
    limit 1
) as login on true
where
    (
        api_keys.token_digest = :token_digest
        or api_keys.token_digest = any(:others)  --? others
    );
