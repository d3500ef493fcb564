-- Master contracts: what each broker lists. Bound in oadb/instruments.py.

-- name: get
-- Served by instruments_pkey.
select
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and symbol = :symbol;

-- name: find_by_token
-- Served by instruments_token_key.
select
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and token = :token;

-- name: count_by_broker
select count(*) as instruments
from oadb.instruments
where broker = :broker;

-- name: stream_by_broker
-- In order of exchange and symbol. Served by instruments_pkey.
select
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
from oadb.instruments
where broker = :broker
order by
    exchange,
    symbol;

-- name: export_csv
-- All brokers, with a heading; COPY takes no parameters.
copy (
    select
        broker,
        exchange,
        symbol,
        name,
        broker_symbol,
        broker_exchange,
        token,
        instrument_type,
        expiry,
        strike,
        lot_size,
        tick_size,
        contract_value
    from oadb.instruments
    order by
        broker,
        exchange,
        symbol
) to stdout with (format csv, header true);

-- name: claim_load
-- False: another load of this broker is in progress. Held to the end of the
-- transaction, and gone with it if the loader dies.
select
    pg_catalog.pg_try_advisory_xact_lock(
        pg_catalog.hashtextextended('oadb.instruments ' || :broker, 0)
    ) as claimed;

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
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
) from stdin;

-- name: release_tokens
-- A token that now belongs to another symbol (a renamed company, a contract
-- that expired) would stop the merge at instruments_token_key.
delete from oadb.instruments
using oadb.instrument_staging
where
    instruments.broker = :broker
    and instrument_staging.broker = instruments.broker
    and instrument_staging.exchange = instruments.exchange
    and instrument_staging.token = instruments.token
    and instrument_staging.symbol <> instruments.symbol;

-- name: merge_staged
-- Writes only what changed: an unchanged row is not touched, so that a daily
-- reload leaves few dead rows.
insert into oadb.instruments (
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
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
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
from oadb.instrument_staging
where broker = :broker
on conflict (broker, exchange, symbol) do update
    set
        name = excluded.name,
        broker_symbol = excluded.broker_symbol,
        broker_exchange = excluded.broker_exchange,
        token = excluded.token,
        instrument_type = excluded.instrument_type,
        expiry = excluded.expiry,
        strike = excluded.strike,
        lot_size = excluded.lot_size,
        tick_size = excluded.tick_size,
        contract_value = excluded.contract_value
    where (
        instruments.name,
        instruments.broker_symbol,
        instruments.broker_exchange,
        instruments.token,
        instruments.instrument_type,
        instruments.expiry,
        instruments.strike,
        instruments.lot_size,
        instruments.tick_size,
        instruments.contract_value
    ) is distinct from (
        excluded.name,
        excluded.broker_symbol,
        excluded.broker_exchange,
        excluded.token,
        excluded.instrument_type,
        excluded.expiry,
        excluded.strike,
        excluded.lot_size,
        excluded.tick_size,
        excluded.contract_value
    );

-- name: refresh_statistics
-- Lookups right after a first load would be planned for an empty table.
analyze oadb.instruments;

-- name: clear_staged
delete from oadb.instrument_staging
where broker = :broker;
