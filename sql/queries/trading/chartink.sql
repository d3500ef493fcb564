-- Strategies for Chartink. Bound in oadb/trading/chartink.py.

-- name: _list_by_user
-- As strategies._list_by_user, for Chartink only.
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
            and strategies.platform = 'chartink'
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
-- Strategies for Chartink only.
select count(*) as strategies
from oadb.strategies
where
    user_id = :user_id
    and platform = 'chartink';
