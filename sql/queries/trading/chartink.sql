-- Strategies for Chartink. Bound in oadb/trading/chartink.py.

-- name: _list_rows
-- As strategies._list_rows, for Chartink only.
select
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
    and platform = 'chartink'
order by
    created_at desc,
    strategy_id asc;

-- name: count_by_user
-- Strategies for Chartink only.
select count(*) as strategies
from oadb.strategies
where
    user_id = :user_id
    and platform = 'chartink';
