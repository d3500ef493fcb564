-- Strategies of Chartink among the others. Bound in oadb/trading/chartink.py.

-- name: _list_rows
-- As strategies._list_rows, of the other platform.
select
    strategies.user_id,
    strategies.strategy_id,
    strategies.name,
    strategies.platform,
    strategies.trading_mode,
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
    mapped.product_types
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
where
    strategies.user_id = :user_id
    and strategies.platform = 'chartink'
order by
    strategies.created_at desc,
    strategies.strategy_id asc;

-- name: count_by_user
-- How many strategies of Chartink a user has.
select count(*) as strategies
from oadb.strategies
where
    user_id = :user_id
    and platform = 'chartink';
