-- What users go on having from another system. Bound in oadb/adoptions.py.

-- name: _adopt_password
-- A password that is there stays. Nobody is signed in with the new one yet, so that
-- the epoch may stay too.
update oadb.users
set password_hash = :password_hash
where
    user_id = :user_id
    and password_hash is null;

-- name: _adopt_second_factor
-- A generator that is there stays. May violate second_factors_user_id_fkey.
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
-- What was brought over before stays as it became since. May violate
-- api_keys_user_id_fkey and the checks.
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
values (
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
)
on conflict (user_id, api_key_id) do nothing;

-- name: _adopt_strategy
-- What was brought over before stays as it became since. May violate
-- strategies_user_id_fkey and the checks.
insert into oadb.strategies (
    user_id,
    strategy_id,
    name,
    platform,
    trading_mode,
    definition,
    is_active,
    is_intraday,
    start_time,
    end_time,
    squareoff_time,
    time_zone,
    webhook_hint,
    token_digest,
    fingerprint,
    created_at
)
values (
    :user_id,
    :strategy_id,
    :name,
    :platform,
    :trading_mode,
    '{}',
    :is_active,
    :is_intraday,
    :start_time,
    :end_time,
    :squareoff_time,
    :time_zone,
    :webhook_hint,
    :token_digest,
    :fingerprint,
    coalesce(:created_at, now())
)
on conflict (user_id, strategy_id) do nothing;
