set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name = 'instrument_loads';

drop table oadb.instrument_loads;

drop table oadb.instrument_staging;

alter table oadb.instruments drop constraint instruments_token_key;

alter table oadb.instruments
drop column underlying,
alter column broker type text collate "default",
alter column exchange type text collate "default",
alter column symbol type text collate "default",
alter column broker_symbol type text collate "default",
alter column broker_exchange type text collate "default",
alter column token type text collate "default",
alter column instrument_type type text collate "default",
add constraint instruments_token_key unique (broker, exchange, token);

-- As migration 0003 made it.
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

call oadb.renew_privileges();
