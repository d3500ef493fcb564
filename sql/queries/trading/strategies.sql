-- Strategies, without those for Chartink. Bound in oadb/trading/strategies.py.

-- name: _list_by_user
-- Newest first, with their mappings. The page is chosen first, so that the mappings of no other
-- strategy are read. Served by strategies_pkey and strategy_mappings_pkey.
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
    and strategy_id in (
        select strategies.strategy_id
        from oadb.strategies
        where
            strategies.user_id = :user_id
            and strategies.platform <> 'chartink'
            and (strategies.created_at, strategies.strategy_id) < (
                coalesce(:last_created_at::timestamptz, 'infinity'),
                coalesce(:last_strategy_id, strategies.strategy_id)
            )
        order by
            strategies.created_at desc,
            strategies.strategy_id desc
        limit :limit
    )
order by
    created_at desc,
    strategy_id desc;

-- name: count_by_user
-- Without those for Chartink.
select count(*) as strategies
from oadb.strategies
where
    user_id = :user_id
    and platform <> 'chartink';
