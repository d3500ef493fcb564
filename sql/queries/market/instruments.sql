-- Instruments that brokers list: lookups in their master contracts. Bound in
-- oadb/market/instruments.py.
--
-- Today is the date in India, by the clock of the database. A contract can be traded until the end
-- of the day on which it expires.

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
    underlying,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value,
    freeze_quantity
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
    underlying,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and token = :token;

-- name: find_by_broker_symbol
-- None if a broker uses one name for several of the platform's symbols. Served by
-- instruments_broker_symbol_idx.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and broker_symbol = :broker_symbol
    and not exists (
        select
        from oadb.instruments as others
        where
            others.broker = instruments.broker
            and others.exchange = instruments.exchange
            and others.broker_symbol = instruments.broker_symbol
            and others.symbol <> instruments.symbol
    );

-- name: list_by_broker_symbol
-- Ordered by symbol. Served by instruments_broker_symbol_idx.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and broker_symbol = :broker_symbol
order by symbol;

-- name: _list_by_pairs
-- Pairs each exchange with the symbol or token at the same position of the other list. Served by
-- instruments_pkey, tokens by instruments_token_key.
select
    instruments.broker,
    instruments.exchange,
    instruments.symbol,
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
    instruments.contract_value,
    instruments.freeze_quantity
from (
    select distinct
        pair.exchange,
        pair.code
    from unnest(:exchanges::text[], :codes::text[]) as pair (exchange, code)
) as asked
inner join oadb.instruments
    on
        asked.exchange = instruments.exchange
        and asked.code = instruments.symbol    --? by = symbol
        -- and asked.code = instruments.token  --? by = token
where instruments.broker = :broker;

-- name: list_option_expiries
-- Of an underlying, in any case, or of all; earliest first; past dates only if :with_expired.
-- Served by instruments_underlying_idx; of all, by instruments_token_key: the exchange is read.
select distinct expiry
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and underlying in (:underlying, upper(:underlying collate "C"))  --? underlying
    and instrument_type in ('CE', 'PE')
    and expiry >= (now() at time zone 'Asia/Kolkata')::date          --? with_expired = false
order by expiry;

-- name: list_future_expiries
-- Of an underlying, in any case, or of all; earliest first; past dates only if :with_expired.
-- Served by instruments_underlying_idx; of all, by instruments_token_key: the exchange is read.
select distinct expiry
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and underlying in (:underlying, upper(:underlying collate "C"))  --? underlying
    and instrument_type = 'FUT'
    and expiry >= (now() at time zone 'Asia/Kolkata')::date          --? with_expired = false
order by expiry;

-- name: list_underlyings
-- Underlyings of options, and if :with_futures of unexpired futures, perpetual ones included. Skips
-- from one underlying to the next in instruments_underlying_idx.
with recursive roots (underlying) as (
    (
        select underlying
        from oadb.instruments
        where
            broker = :broker
            and exchange = :exchange
            and underlying is not null
        order by underlying
        limit 1
    )
    union all
    select following.underlying
    from roots
    cross join lateral (
        select instruments.underlying
        from oadb.instruments
        where
            instruments.broker = :broker
            and instruments.exchange = :exchange
            and instruments.underlying > roots.underlying
        order by instruments.underlying
        limit 1
    ) as following
)

select roots.underlying
from roots
where
    exists (
        select 1
        from oadb.instruments
        where
            instruments.broker = :broker
            and instruments.exchange = :exchange
            and instruments.underlying = roots.underlying
            and (
                instruments.instrument_type in ('CE', 'PE')
                or (
                    :with_futures
                    and (
                        instruments.instrument_type = 'PERPFUT'
                        or (
                            instruments.instrument_type = 'FUT'
                            and instruments.expiry >= (now() at time zone 'Asia/Kolkata')::date
                        )
                    )
                )
            )
    )
order by roots.underlying;

-- name: list_strikes
-- Lowest first; the underlying in any case, as below. Served by instruments_underlying_idx.
select distinct strike
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and underlying in (:underlying, upper(:underlying collate "C"))
    and expiry = :expiry
    and instrument_type in ('CE', 'PE')
order by strike;

-- name: list_chain
-- The options on one underlying and expiry, by strike, each call before its put. Served by
-- instruments_underlying_idx.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and underlying in (:underlying, upper(:underlying collate "C"))
    and expiry = :expiry
    and instrument_type in ('CE', 'PE')
order by
    strike,
    instrument_type,
    symbol;

-- name: get_near_future
-- The future that expires first from today on. Served by instruments_underlying_idx.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and underlying in (:underlying, upper(:underlying collate "C"))
    and instrument_type = 'FUT'
    and expiry >= (now() at time zone 'Asia/Kolkata')::date
order by
    expiry,
    symbol
limit 1;

-- name: get_lot_size
-- Of the derivative that expires first from today on; an exchange may change the lot size with an
-- expiry. Served by instruments_underlying_idx.
select lot_size
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange
    and underlying in (:underlying, upper(:underlying collate "C"))
    and expiry >= (now() at time zone 'Asia/Kolkata')::date
order by
    expiry,
    symbol
limit 1;

-- name: count_by_broker
-- Served by instruments_token_key.
select count(*) as instruments
from oadb.instruments
where broker = :broker;

-- name: count_by_exchange
-- Served by instruments_token_key.
select
    exchange,
    count(*) as instruments
from oadb.instruments
where broker = :broker
group by exchange
order by exchange;

-- name: list_brokers
-- Skips from one broker to the next in an index. Served by instruments_token_key.
with recursive found (broker) as (
    (
        select broker
        from oadb.instruments
        order by broker
        limit 1
    )
    union all
    select following.broker
    from found
    cross join lateral (
        select instruments.broker
        from oadb.instruments
        where instruments.broker > found.broker
        order by instruments.broker
        limit 1
    ) as following
)

select broker
from found
order by broker;

-- name: list_exchanges
-- Skips from one exchange to the next in an index. Served by instruments_token_key.
with recursive found (exchange) as (
    (
        select exchange
        from oadb.instruments
        where broker = :broker
        order by exchange
        limit 1
    )
    union all
    select following.exchange
    from found
    cross join lateral (
        select instruments.exchange
        from oadb.instruments
        where
            instruments.broker = :broker
            and instruments.exchange > found.exchange
        order by instruments.exchange
        limit 1
    ) as following
)

select exchange
from found
order by exchange;

-- name: list_by_broker
-- Ordered by exchange and symbol. Served by instruments_pkey.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and (exchange, symbol) > (:last_exchange, :last_symbol)  --? cursor
order by
    exchange,
    symbol
limit :limit;

-- name: stream_by_broker
-- Those that pass every filter, by exchange and symbol. Served by instruments_token_key, which is
-- smaller than the primary key, and sorted; with an underlying by instruments_underlying_idx.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and exchange = :exchange                                         --? exchange
    and underlying in (:underlying, upper(:underlying collate "C"))  --? underlying
    and (:instrument_type::text is null or instrument_type = :instrument_type)
    and (:expiry::date is null or expiry = :expiry)
    and (:strike_min::numeric is null or strike >= :strike_min)
    and (:strike_max::numeric is null or strike <= :strike_max)
order by
    exchange,
    symbol;

-- name: export_csv
-- All brokers, with a heading. COPY takes no parameters.
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
        underlying,
        expiry,
        strike,
        lot_size,
        tick_size,
        contract_value,
        freeze_quantity
    from oadb.instruments
    order by
        broker,
        exchange,
        symbol
) to stdout with (format csv, header true);
