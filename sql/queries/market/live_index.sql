-- The rows that an index of instruments is built from. Bound in oadb/market/live_index.py.

-- name: _list_generations
-- Changes with each load of a broker, even if a load that began earlier ends
-- later. Served by instrument_loads_broker_idx.
select
    broker,
    max(load_id) as load_id,
    max(ended_at) as ended_at
from oadb.instrument_loads
where
    outcome = 'loaded'
    and broker = any(:brokers)
group by broker
order by broker;

-- name: _choose_brokers
-- Sets the brokers of export_rows for this transaction, as COPY takes no parameters.
select pg_catalog.set_config('oadb.brokers', :brokers::text[]::text, true) as brokers;

-- name: export_rows
-- For oadb/market/index/reading.py. Broker and exchange are only in the first of
-- their rows. The searchable columns follow; each is empty if an earlier one
-- contains its text. After the strike come the columns that many rows share. naming
-- says where the name is: null (n), that of the underlying (u), or in own_name (o).
-- The expiry is a number of days, so that no setting changes its format. Served by
-- instruments_pkey.
copy (
    select
        case when row_number() over place = 1 then broker end as new_broker,
        case when row_number() over place = 1 then exchange end as new_exchange,
        symbol,
        case when broker_symbol = symbol then '' else broker_symbol end as other_symbol,
        token,
        case
            when name = underlying and strpos(symbol, name) > 0 then ''
            else name
        end as own_name,
        case
            when strpos(symbol, trim_scale(strike)::text) > 0 then ''
            else trim_scale(strike)::text
        end as shown_strike,
        strike,
        case
            when name is null then 'n'
            when name = underlying and strpos(symbol, name) > 0 then 'u'
            else 'o'
        end as naming,
        broker_exchange,
        instrument_type,
        '=' || underlying as underlying,
        expiry - date '0001-01-01' + 1 as expiry_ordinal,
        lot_size,
        tick_size,
        contract_value,
        freeze_quantity
    from oadb.instruments
    where broker = any(current_setting('oadb.brokers')::text[])
    window
        place as (
            partition by
                broker,
                exchange
            order by symbol
        )
    order by
        broker,
        exchange,
        symbol
) to stdout with (format text, null '');
