-- Loads of instruments: each replaces the set of a broker. Bound in oadb/market/loads.py.

-- name: _start_load
-- Returns the id of the load, which stays 'started' if its process dies. Also makes what
-- _claim_load locks.
with claim as (
    insert into oadb.claims (subject)
    values ('instruments ' || :broker)
    on conflict (subject) do nothing
)

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
    exists (select from claim)
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

-- name: _merge_staged
-- Deletes, updates and inserts the rows that differ, by one comparison. Unchanged rows
-- are not written, so that a reload leaves few dead rows. Symbols may swap tokens, or
-- take those of deleted rows, as instruments_token_key is checked at the end of the
-- statement.
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
        staged.freeze_quantity
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

gone as (
    delete from oadb.instruments
    using differing
    where
        instruments.broker = :broker
        and instruments.exchange = differing.exchange
        and instruments.symbol = differing.symbol
        and differing.has_gone
    returning 1 as one
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
    returning 1 as one
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
    where is_new
    returning 1 as one
)

select
    (select count(*) from added) as inserted,
    (select count(*) from changed) as updated,
    (select count(*) from gone) as deleted;

-- name: _merge_search_entries
-- Merges the pending entries of the trigram index, which every search reads one by one.
call oadb.merge_search_entries();

-- name: _clear_staged
delete from oadb.instrument_staging
where broker = :broker;

-- name: _refresh_statistics
-- Without it, lookups right after a first load are planned for an empty table. After
-- a small load autovacuum is early enough.
analyze oadb.instruments;

-- name: _end_load
-- The load failed if there is a :reason.
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
-- Newest first. Served by instrument_loads_broker_idx.
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
where
    broker = :broker
    and load_id < :last_load_id  --? cursor
order by load_id desc
limit :limit;

-- name: get_status
-- is_running: a load of this broker holds its lock now; a load that is 'started' but
-- not running has died. No row if there never was a load.
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
-- True if no load has succeeded since the last :cutoff in :time_zone.
select
    coalesce(
        max(ended_at) < timezone(
            :time_zone,
            date_trunc('day', timezone(:time_zone, now()) - cast(:cutoff as time)::interval)
            + cast(:cutoff as time)
        ),
        true
    ) as due
from oadb.instrument_loads
where
    broker = :broker
    and outcome = 'loaded';
