-- Strategies of any platform, with the symbols that their alerts may name: created, read, and found
-- by their webhooks. Bound in oadb/trading/strategy_kinds.py.
--
-- The mappings of a strategy come beside it as four arrays, in the order of the symbols.

-- name: _insert
-- May violate the checks, strategies_user_id_fkey and strategies_key_id_fkey.
insert into oadb.strategies (
    user_id,
    strategy_id,
    name,
    platform,
    trading_mode,
    definition,
    is_intraday,
    start_time,
    end_time,
    squareoff_time,
    time_zone,
    webhook_hint,
    token_digest,
    fingerprint
)
values (
    :user_id,
    :strategy_id,
    :name,
    :platform,
    :direction,
    :definition,
    :is_intraday,
    :start_time,
    :end_time,
    :squareoff_time,
    :time_zone,
    :webhook_hint,
    :token_digest,
    :fingerprint
)
returning
    user_id,
    strategy_id,
    name,
    platform,
    trading_mode as direction,
    definition,
    is_active,
    is_intraday,
    start_time,
    end_time,
    squareoff_time,
    time_zone,
    webhook_hint,
    webhook_revoked_at,
    created_at,
    updated_at;

-- name: _find
-- Of any platform. Served by strategies_pkey and strategy_mappings_pkey.
select
    user_id,
    strategy_id,
    name,
    platform,
    trading_mode as direction,
    definition,
    is_active,
    is_intraday,
    start_time,
    end_time,
    squareoff_time,
    time_zone,
    webhook_hint,
    webhook_revoked_at,
    created_at,
    updated_at,
    symbols,
    exchanges,
    quantities,
    product_types
from oadb.strategies_with_mappings
where
    user_id = :user_id
    and strategy_id = :strategy_id;

-- name: _find_by_digest
-- scope: all users (an alert carries a webhook and no user)
-- Of any platform. Served by strategies_token_digest_idx and strategy_mappings_pkey. Not from
-- strategies_with_mappings: that has no fingerprint, for a role that may not see one to read it.
select
    strategies.user_id,
    strategies.strategy_id,
    strategies.name,
    strategies.platform,
    strategies.trading_mode as direction,
    strategies.definition,
    strategies.is_active,
    strategies.is_intraday,
    strategies.start_time,
    strategies.end_time,
    strategies.squareoff_time,
    strategies.time_zone,
    strategies.webhook_hint,
    strategies.webhook_revoked_at,
    strategies.created_at,
    strategies.updated_at,
    mapped.symbols,
    mapped.exchanges,
    mapped.quantities,
    mapped.product_types,
    strategies.fingerprint
from oadb.strategies
cross join
    lateral (
        select
            coalesce(array_agg(mappings.symbol order by mappings.symbol), '{}') as symbols,
            coalesce(array_agg(mappings.exchange order by mappings.symbol), '{}') as exchanges,
            coalesce(array_agg(mappings.quantity order by mappings.symbol), '{}') as quantities,
            coalesce(
                array_agg(mappings.product_type order by mappings.symbol), '{}'
            ) as product_types
        from oadb.strategy_mappings as mappings
        where
            mappings.user_id = strategies.user_id
            and mappings.strategy_id = strategies.strategy_id
    ) as mapped
where strategies.token_digest = :token_digest;

-- name: _find_by_digests
-- scope: all users (an alert carries a webhook and no user)
-- The same while keys rotate: a webhook has one digest for each key, and at most one row.
select
    strategies.user_id,
    strategies.strategy_id,
    strategies.name,
    strategies.platform,
    strategies.trading_mode as direction,
    strategies.definition,
    strategies.is_active,
    strategies.is_intraday,
    strategies.start_time,
    strategies.end_time,
    strategies.squareoff_time,
    strategies.time_zone,
    strategies.webhook_hint,
    strategies.webhook_revoked_at,
    strategies.created_at,
    strategies.updated_at,
    mapped.symbols,
    mapped.exchanges,
    mapped.quantities,
    mapped.product_types,
    strategies.fingerprint
from oadb.strategies
cross join
    lateral (
        select
            coalesce(array_agg(mappings.symbol order by mappings.symbol), '{}') as symbols,
            coalesce(array_agg(mappings.exchange order by mappings.symbol), '{}') as exchanges,
            coalesce(array_agg(mappings.quantity order by mappings.symbol), '{}') as quantities,
            coalesce(
                array_agg(mappings.product_type order by mappings.symbol), '{}'
            ) as product_types
        from oadb.strategy_mappings as mappings
        where
            mappings.user_id = strategies.user_id
            and mappings.strategy_id = strategies.strategy_id
    ) as mapped
where strategies.token_digest = any(:token_digests);
