-- Changes of strategies of any platform. Bound in oadb/trading/strategy_changes.py.

-- name: _set_active
-- Served by strategies_pkey.
update oadb.strategies
set
    is_active = :is_active,
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id;

-- name: _update
-- Fields that are not given stay, also where another update changes them meanwhile. Writes no
-- row that has the given values already. May violate the checks of the times. Served by
-- strategies_pkey.
update oadb.strategies
set
    start_time = :start_time,          --? start_time
    end_time = :end_time,              --? end_time
    squareoff_time = :squareoff_time,  --? squareoff_time
    time_zone = :time_zone,            --? time_zone
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id
    and (
        false
        or start_time is distinct from :start_time          --? start_time
        or end_time is distinct from :end_time              --? end_time
        or squareoff_time is distinct from :squareoff_time  --? squareoff_time
        or time_zone <> :time_zone                          --? time_zone
    );

-- name: _rename
-- Served by strategies_pkey.
update oadb.strategies
set
    name = :name,
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id;

-- name: _set_definition
-- Served by strategies_pkey.
update oadb.strategies
set
    definition = :definition,
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id;

-- name: _delete
-- Its mappings go with it. Served by strategies_pkey.
delete from oadb.strategies
where
    user_id = :user_id
    and strategy_id = :strategy_id;

-- name: _put_mappings
-- All or none; returns the number written, and no row if there is no such strategy. The
-- strategy is locked first, so that two puts cannot deadlock, and updated only if there is
-- something to put. Served by strategies_pkey.
with held as (
    select
        user_id,
        strategy_id
    from oadb.strategies
    where
        user_id = :user_id
        and strategy_id = :strategy_id
    for no key update
),

put as (
    insert into oadb.strategy_mappings (
        user_id,
        strategy_id,
        symbol,
        exchange,
        quantity,
        product_type
    )
    select
        held.user_id,
        held.strategy_id,
        given.symbol,
        given.exchange,
        given.quantity,
        given.product_type
    from held
    cross join
        unnest(
            :symbols::text[], :exchanges::text[], :quantities::bigint[], :product_types::text[]
        ) as given (symbol, exchange, quantity, product_type)
    on conflict (user_id, strategy_id, symbol) do update
        set
            exchange = excluded.exchange,
            quantity = excluded.quantity,
            product_type = excluded.product_type
    returning symbol
),

touched as (
    update oadb.strategies
    set updated_at = now()
    from held
    where
        strategies.user_id = :user_id
        and strategies.strategy_id = held.strategy_id
        and exists (select 1 from put)
)

select (select count(*) from put) as mappings
from held;

-- name: _delete_mappings
-- Returns the number deleted. Locks the strategy first, as _put_mappings does, and updates
-- it only if it had such a mapping. Served by strategies_pkey and strategy_mappings_pkey.
with held as (
    select
        user_id,
        strategy_id
    from oadb.strategies
    where
        user_id = :user_id
        and strategy_id = :strategy_id
    for no key update
),

deleted as (
    delete from oadb.strategy_mappings
    using held
    where
        strategy_mappings.user_id = :user_id
        and strategy_mappings.strategy_id = held.strategy_id
        and strategy_mappings.symbol = any(:symbols)
    returning strategy_mappings.symbol
),

touched as (
    update oadb.strategies
    set updated_at = now()
    from held
    where
        strategies.user_id = :user_id
        and strategies.strategy_id = held.strategy_id
        and exists (select 1 from deleted)
)

select count(*) as mappings
from deleted;
