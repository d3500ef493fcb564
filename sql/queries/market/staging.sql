-- The rows of a load on their way into the table of instruments. Bound in oadb/market/staging.py.

-- name: _claim_load
-- False if another load of this broker is running. The claim is held until the transaction
-- ends, also if the process dies. The advisory lock excludes nobody, because anybody who may
-- connect can hold it: it shows get_status that the load is running.
with claim as materialized (
    select claims.subject
    from oadb.claims
    where claims.subject = 'instruments ' || :broker
    for update skip locked
)

select
    exists (select 1 from claim)
    and pg_catalog.pg_try_advisory_xact_lock_shared(
        pg_catalog.hashtextextended('oadb.instruments ' || :broker, 0)
    ) is not null as claimed;

-- name: allow_time
-- For this transaction. The usual limit is too short for the merge of a first load.
select pg_catalog.set_config('statement_timeout', '10min', true) as statement_timeout;

-- name: _stage
copy oadb.instrument_staging (
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
    underlying,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value,
    freeze_quantity,
    position
) from stdin with (format text, null '');

-- name: _unstage
-- Deletes staged rows that a later row displaced.
delete from oadb.instrument_staging
where
    broker = :broker
    and position = any(:positions::bigint[]);

-- name: _count_held
-- lasting: without an expiry, or with one after today. A contract may be gone from the evening of
-- its last day on. A subquery, so that today is found once and not for each row.
select
    exchange,
    instrument_type,
    count(*) as instruments,
    count(*) filter (
        where expiry is null or expiry > (select (now() at time zone 'Asia/Kolkata')::date)
    ) as lasting,
    count(expiry) as contracts
from oadb.instruments
where broker = :broker
group by
    exchange,
    instrument_type
order by
    exchange,
    instrument_type;

-- name: _find_today
-- In India, by the clock of the database.
select (now() at time zone 'Asia/Kolkata')::date as today;

-- name: _merge_staged
-- Deletes, updates and inserts the rows that differ, by one comparison. Unchanged rows
-- are not written, so that a reload leaves few dead rows. Symbols may swap tokens, or
-- take those of deleted rows, as instruments_token_key is checked at the end of the
-- statement.
--
-- Returns the number of differences of each exchange and type, listed or new. Nothing is written
-- unless :writes, nor if more instruments vanish than :most allows for their exchange and type,
-- unless :is_forced. A share may get another type, a contract may not.
with staged as (
    select
        exchange,
        symbol,
        name,
        broker_symbol,
        broker_exchange,
        token,
        instrument_type,
        underlying,
        expiry,
        strike,
        lot_size,
        tick_size,
        contract_value,
        freeze_quantity,
        true as is_staged
    from oadb.instrument_staging
    where broker = :broker
),

listed as (
    select
        exchange,
        symbol,
        name,
        broker_symbol,
        broker_exchange,
        token,
        instrument_type,
        underlying,
        expiry,
        strike,
        lot_size,
        tick_size,
        contract_value,
        freeze_quantity,
        true as is_listed
    from oadb.instruments
    where
        broker = :broker
        and exchange = any(:exchanges::text[])
),

differing as materialized (
    select
        staged.is_staged is null as has_gone,
        listed.is_listed is null as is_new,
        coalesce(staged.exchange, listed.exchange) as exchange,
        coalesce(staged.symbol, listed.symbol) as symbol,
        staged.name,
        staged.broker_symbol,
        staged.broker_exchange,
        staged.token,
        staged.instrument_type,
        staged.underlying,
        staged.expiry,
        staged.strike,
        staged.lot_size,
        staged.tick_size,
        staged.contract_value,
        staged.freeze_quantity,
        coalesce(listed.instrument_type, staged.instrument_type) as kind,
        listed.is_listed
        and (
            listed.expiry is null
            or listed.expiry > (select (now() at time zone 'Asia/Kolkata')::date)
        )
        and (
            staged.is_staged is null
            or (staged.expiry, staged.strike) is distinct from (listed.expiry, listed.strike)
            or (
                listed.expiry is not null
                and staged.instrument_type <> listed.instrument_type
            )
        ) as has_vanished
    from staged
    full join listed
        on
            staged.exchange = listed.exchange
            and staged.symbol = listed.symbol
    where (
        staged.name,
        staged.broker_symbol,
        staged.broker_exchange,
        staged.token,
        staged.instrument_type,
        staged.underlying,
        staged.expiry,
        staged.strike,
        staged.lot_size,
        staged.tick_size,
        staged.contract_value,
        staged.freeze_quantity
    ) is distinct from (
        listed.name,
        listed.broker_symbol,
        listed.broker_exchange,
        listed.token,
        listed.instrument_type,
        listed.underlying,
        listed.expiry,
        listed.strike,
        listed.lot_size,
        listed.tick_size,
        listed.contract_value,
        listed.freeze_quantity
    )
),

differences as materialized (
    select
        exchange,
        kind as instrument_type,
        count(*) filter (where is_new) as added,
        count(*) filter (where not is_new and not has_gone) as changed,
        count(*) filter (where has_gone) as removed,
        count(*) filter (where has_vanished) as vanished
    from differing
    group by
        exchange,
        kind
),

verdict as materialized (
    select
        :writes
        and (
            :is_forced
            or not exists (
                select
                from differences
                inner join
                    unnest(
                        :held_exchanges::text[], :held_types::text[], :most::bigint[]
                    ) as held (exchange, instrument_type, most)
                    on
                        differences.exchange = held.exchange
                        and differences.instrument_type = held.instrument_type
                where differences.vanished > held.most
            )
        ) as is_written
),

gone as (
    delete from oadb.instruments
    using differing
    where
        instruments.broker = :broker
        and instruments.exchange = differing.exchange
        and instruments.symbol = differing.symbol
        and differing.has_gone
        and (select verdict.is_written from verdict)
),

changed as (
    update oadb.instruments
    set
        name = differing.name,
        broker_symbol = differing.broker_symbol,
        broker_exchange = differing.broker_exchange,
        token = differing.token,
        instrument_type = differing.instrument_type,
        underlying = differing.underlying,
        expiry = differing.expiry,
        strike = differing.strike,
        lot_size = differing.lot_size,
        tick_size = differing.tick_size,
        contract_value = differing.contract_value,
        freeze_quantity = differing.freeze_quantity
    from differing
    where
        instruments.broker = :broker
        and instruments.exchange = differing.exchange
        and instruments.symbol = differing.symbol
        and not differing.has_gone
        and not differing.is_new
        and (select verdict.is_written from verdict)
),

added as (
    insert into oadb.instruments (
        broker,
        exchange,
        symbol,
        name,
        broker_symbol,
        broker_exchange,
        token,
        instrument_type,
        underlying,
        expiry,
        strike,
        lot_size,
        tick_size,
        contract_value,
        freeze_quantity
    )
    select
        :broker,
        exchange,
        symbol,
        name,
        broker_symbol,
        broker_exchange,
        token,
        instrument_type,
        underlying,
        expiry,
        strike,
        lot_size,
        tick_size,
        contract_value,
        freeze_quantity
    from differing
    where
        is_new
        and (select verdict.is_written from verdict)
)

select
    exchange,
    instrument_type,
    added,
    changed,
    removed,
    vanished
from differences
order by
    exchange,
    instrument_type;

-- name: _defer_search_indexes
-- writes: defer_search_indexes()
-- True if there were no instruments of any broker, so that the indexes of a search and of lookups
-- by other names are dropped; merge_search_entries makes them of all rows at once.
select oadb.defer_search_indexes() as are_dropped;

-- name: hold_search_indexes
-- writes: hold_search_indexes()
-- So that they are dropped by no other load; missing ones are made by no two loads.
select from oadb.hold_search_indexes();

-- name: merge_search_entries
-- Merges the pending entries of the trigram index, which every search reads one by one. Makes the
-- indexes that are missing.
call oadb.merge_search_entries();

-- name: _clear_staged
delete from oadb.instrument_staging
where broker = :broker;

-- name: _refresh_statistics
-- Without it, lookups right after a first load are planned for an empty table. After
-- a small load autovacuum is early enough.
analyze oadb.instruments;
