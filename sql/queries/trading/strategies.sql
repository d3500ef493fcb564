-- Strategies, without those for Chartink. Bound in oadb/trading/strategies.py.

-- name: _list_by_user
-- Newest first, with their mappings. The page is chosen before its mappings are read, unlike from
-- strategies_with_mappings. Served by strategies_pkey and strategy_mappings_pkey.
with page as (
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
        updated_at
    from oadb.strategies
    where
        user_id = :user_id
        and platform <> 'chartink'
        and (created_at, strategy_id) < (
            coalesce(:last_created_at::timestamptz, 'infinity'),
            coalesce(:last_strategy_id, strategy_id)
        )
    order by
        created_at desc,
        strategy_id desc
    limit :limit
)

select
    page.user_id,
    page.strategy_id,
    page.name,
    page.platform,
    page.direction,
    page.definition,
    page.is_active,
    page.is_intraday,
    page.start_time,
    page.end_time,
    page.squareoff_time,
    page.time_zone,
    page.webhook_hint,
    page.webhook_revoked_at,
    page.created_at,
    page.updated_at,
    mapped.symbols,
    mapped.exchanges,
    mapped.quantities,
    mapped.product_types
from page
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
            mappings.user_id = page.user_id
            and mappings.strategy_id = page.strategy_id
    ) as mapped
order by
    page.created_at desc,
    page.strategy_id desc;

-- name: count_by_user
-- Without those for Chartink.
select count(*) as strategies
from oadb.strategies
where
    user_id = :user_id
    and platform <> 'chartink';
