-- Loads of instruments: a broker's set replaced as a whole. Bound in oadb/instrument_loads.py.

-- name: start_load
-- A load whose process dies stays 'started'. Returns its id.
insert into oadb.instrument_loads (
    broker,
    source,
    checksum
)
values (
    :broker,
    :source,
    :checksum
)
returning load_id;

-- name: claim_load
-- False: another load of this broker is in progress. Held to the end of the
-- transaction, and gone with it if the loader dies.
select
    pg_catalog.pg_try_advisory_xact_lock(
        pg_catalog.hashtextextended('oadb.instruments ' || :broker, 0)
    ) as claimed;

-- name: allow_time
-- For the merge; the limit of an ordinary statement is too short for a first load.
select pg_catalog.set_config('statement_timeout', '10min', true) as statement_timeout;

-- name: plan_for_many
-- Where a table is known to be empty, a nested loop over it looks cheap, and walks
-- over all that the merge itself has inserted so far.
select pg_catalog.set_config('enable_nestloop', 'off', true) as enable_nestloop;

-- name: stage
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
    position
) from stdin with (format text, null '');

-- name: unstage
-- Rows that a later one superseded.
delete from oadb.instrument_staging
where
    broker = :broker
    and position = any(:positions::bigint[]);

-- name: prepare_statistics
-- The merge is planned for as many rows as there are. Before PostgreSQL 17 only
-- for the owner of the table; others merge with what autovacuum knows.
analyze oadb.instrument_staging;

-- name: compare_counts
-- How many instruments each of :exchanges has, and how many the load gives it.
select
    wanted.exchange,
    (
        select count(*)
        from oadb.instruments
        where
            instruments.broker = :broker
            and instruments.exchange = wanted.exchange
    ) as listed,
    (
        select count(*)
        from oadb.instrument_staging
        where
            instrument_staging.broker = :broker
            and instrument_staging.exchange = wanted.exchange
    ) as staged
from unnest(:exchanges::text[]) as wanted (exchange)
order by wanted.exchange;

-- name: delete_vanished
-- First of the three: what is gone frees its token.
delete from oadb.instruments
where
    broker = :broker
    and exchange = any(:exchanges::text[])
    and not exists (
        select
        from oadb.instrument_staging
        where
            instrument_staging.broker = instruments.broker
            and instrument_staging.exchange = instruments.exchange
            and instrument_staging.symbol = instruments.symbol
    );

-- name: update_changed
-- An unchanged row is not touched: a reload leaves few dead rows. Symbols may swap
-- their tokens, since instruments_token_key is looked at when the statement ends.
update oadb.instruments
set
    name = instrument_staging.name,
    broker_symbol = instrument_staging.broker_symbol,
    broker_exchange = instrument_staging.broker_exchange,
    token = instrument_staging.token,
    instrument_type = instrument_staging.instrument_type,
    underlying = instrument_staging.underlying,
    expiry = instrument_staging.expiry,
    strike = instrument_staging.strike,
    lot_size = instrument_staging.lot_size,
    tick_size = instrument_staging.tick_size,
    contract_value = instrument_staging.contract_value
from oadb.instrument_staging
where
    instruments.broker = :broker
    and instrument_staging.broker = instruments.broker
    and instrument_staging.exchange = instruments.exchange
    and instrument_staging.symbol = instruments.symbol
    and (
        instruments.name,
        instruments.broker_symbol,
        instruments.broker_exchange,
        instruments.token,
        instruments.instrument_type,
        instruments.underlying,
        instruments.expiry,
        instruments.strike,
        instruments.lot_size,
        instruments.tick_size,
        instruments.contract_value
    ) is distinct from (
        instrument_staging.name,
        instrument_staging.broker_symbol,
        instrument_staging.broker_exchange,
        instrument_staging.token,
        instrument_staging.instrument_type,
        instrument_staging.underlying,
        instrument_staging.expiry,
        instrument_staging.strike,
        instrument_staging.lot_size,
        instrument_staging.tick_size,
        instrument_staging.contract_value
    );

-- name: insert_new
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
    contract_value
)
select
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
    contract_value
from oadb.instrument_staging
where
    broker = :broker
    and not exists (
        select
        from oadb.instruments
        where
            instruments.broker = instrument_staging.broker
            and instruments.exchange = instrument_staging.exchange
            and instruments.symbol = instrument_staging.symbol
    );

-- name: merge_search_entries
-- Until then every search reads the new entries one by one.
call oadb.merge_search_entries();

-- name: clear_staged
delete from oadb.instrument_staging
where broker = :broker;

-- name: refresh_statistics
-- Lookups right after a first load would be planned for an empty table.
analyze oadb.instruments;

-- name: end_load
-- Failed where there is a :reason.
update oadb.instrument_loads
set
    outcome = case when :reason::text is null then 'loaded' else 'failed' end,
    reason = :reason,
    ended_at = clock_timestamp(),
    counts = :counts,
    exchanges = :exchanges,
    left_out = :left_out
where load_id = :load_id;

-- name: list_recent
-- The last first. Served by instrument_loads_broker_idx.
select
    load_id,
    broker,
    source,
    checksum,
    outcome,
    reason,
    started_at,
    ended_at,
    counts,
    exchanges,
    left_out
from oadb.instrument_loads
where broker = :broker
order by load_id desc
limit least(:page_size, 1000);

-- name: get_status
-- is_running: a load of this broker holds its lock at this moment; one that is
-- 'started' and does not run has died. No row: nothing was ever loaded.
select
    instrument_loads.load_id,
    instrument_loads.outcome,
    instrument_loads.reason,
    instrument_loads.started_at,
    (
        select max(loaded.ended_at)
        from oadb.instrument_loads as loaded
        where
            loaded.broker = instrument_loads.broker
            and loaded.outcome = 'loaded'
    ) as loaded_at,
    exists(
        select
        from pg_catalog.pg_locks
        where
            pg_locks.locktype = 'advisory'
            and pg_locks.database = (
                select pg_database.oid
                from pg_catalog.pg_database
                where pg_database.datname = current_database()
            )
            and pg_locks.objsubid = 1
            and pg_locks.classid::bigint << 32 | pg_locks.objid::bigint
            = pg_catalog.hashtextextended('oadb.instruments ' || instrument_loads.broker, 0)
    ) as is_running
from oadb.instrument_loads
where instrument_loads.broker = :broker
order by instrument_loads.load_id desc
limit 1;

-- name: _is_due
-- True: nothing was loaded since :cutoff last struck in :zone.
select
    coalesce(
        max(ended_at) < timezone(
            :zone,
            date_trunc('day', timezone(:zone, now()) - cast(:cutoff as time)::interval)
            + cast(:cutoff as time)
        ),
        true
    ) as due
from oadb.instrument_loads
where
    broker = :broker
    and outcome = 'loaded';
