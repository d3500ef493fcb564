-- Strategies of any platform, with the symbols that their alerts may name: created, read, and found
-- by their webhooks. Bound in oadb/trading/strategy_kinds.py.
--
-- The mappings of a strategy come beside it as four arrays, in the order of the symbols. A lateral
-- subquery names the user again: where tables are distributed, one shard is asked.

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
-- Of any platform. Its mappings are asked for by :user_id as well, so that one shard answers.
-- Served by strategies_pkey and strategy_mappings_pkey.
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
            mappings.user_id = :user_id
            and mappings.strategy_id = strategies.strategy_id
    ) as mapped
where
    strategies.user_id = :user_id
    and strategies.strategy_id = :strategy_id;

-- name: _find_by_digest
-- scope: all users (a webhook of the old form names no user)
-- primary: whether a webhook may act
-- Of any platform; that of a disabled user is not active. While root keys rotate, a webhook has one
-- digest for each, and at most one row; of a user, the strategies are read then. Served by
-- strategies_token_digest_idx, strategies_pkey, strategy_mappings_pkey and users_pkey.
select
    strategies.user_id,
    strategies.strategy_id,
    strategies.name,
    strategies.platform,
    strategies.trading_mode as direction,
    strategies.definition,
    strategies.is_active and users.disabled_at is null as is_active,
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
inner join oadb.users
    on
        strategies.user_id = users.user_id
        and strategies.user_id = :user_id  --? user_id
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
            and mappings.user_id = :user_id  --? user_id
            and mappings.strategy_id = strategies.strategy_id
    ) as mapped
where
    (
        strategies.token_digest = :token_digest
        or strategies.token_digest = any(:others)  --? others
    );

-- name: _list_by_user
-- Those for Chartink, or all others; newest first, with their mappings. The page is chosen before
-- its mappings are read; these are asked for by :user_id as well, so that one shard answers. Served
-- by strategies_pkey and strategy_mappings_pkey.
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
        and platform <> 'chartink'                                             --? chartink = false
        -- and platform = 'chartink'                                           --? chartink = true
        and (created_at, strategy_id) < (:last_created_at, :last_strategy_id)  --? cursor
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
            mappings.user_id = :user_id
            and mappings.strategy_id = page.strategy_id
    ) as mapped
order by
    page.created_at desc,
    page.strategy_id desc;

-- name: _count_by_user
-- Those for Chartink, or all others. Served by strategies_pkey.
select count(*) as strategies
from oadb.strategies
where
    user_id = :user_id
    and (platform = 'chartink') = :chartink;
