-- depends: 0002_create_users
-- Master contracts: what each broker lists, and the table through which a load passes.
--
-- Lock: none, the tables are new.

set local lock_timeout = '4s';

create table oadb.instruments (
    broker          text    not null,
    exchange        text    not null,
    symbol          text    not null,
    name            text,
    broker_symbol   text    not null,
    broker_exchange text    not null,
    token           text    not null,
    instrument_type text    not null,
    expiry          date,
    strike          numeric,
    lot_size        bigint  not null,
    tick_size       numeric not null,
    contract_value  numeric not null,

    constraint instruments_pkey primary key (broker, exchange, symbol),
    constraint instruments_token_key unique (broker, exchange, token),
    constraint instruments_strike_check check (strike > 0),
    constraint instruments_lot_size_check check (lot_size >= 0),
    constraint instruments_tick_size_check check (tick_size >= 0),
    constraint instruments_contract_value_check check (contract_value > 0)
);

comment on table oadb.instruments is
'One row for each broker, exchange and symbol. Written by loads only.';
comment on column oadb.instruments.exchange is 'As the platform names it: NSE, NFO, NSE_INDEX.';
comment on column oadb.instruments.symbol is 'As the platform spells it: NIFTY31JUL2524000CE.';
comment on column oadb.instruments.name is 'Of the company or the underlying. Null: none is given.';
comment on column oadb.instruments.broker_symbol is 'As the broker spells it; orders carry this.';
comment on column oadb.instruments.token is 'The broker''s own key; ticks carry this.';
comment on column oadb.instruments.expiry is 'Last day of trading. Null: it does not expire.';
comment on column oadb.instruments.strike is 'In the currency of the exchange. Null: no option.';
comment on column oadb.instruments.lot_size is 'Least quantity. 0: an index, which is not traded.';
comment on column oadb.instruments.tick_size is
'Least change of price, in the currency of the exchange. 0: an index.';
comment on column oadb.instruments.contract_value is
'Units of the underlying in one contract; 1 unless the broker says otherwise.';

-- Unlogged: its rows live for the length of one transaction, and a crash may take them.
create unlogged table oadb.instrument_staging (
    broker          text    not null,
    exchange        text    not null,
    symbol          text    not null,
    name            text,
    broker_symbol   text    not null,
    broker_exchange text    not null,
    token           text    not null,
    instrument_type text    not null,
    expiry          date,
    strike          numeric,
    lot_size        bigint  not null,
    tick_size       numeric not null,
    contract_value  numeric not null,

    constraint instrument_staging_pkey primary key (broker, exchange, symbol)
);

comment on table oadb.instrument_staging is
'Rows of a load on their way into instruments; empty outside of it.';
