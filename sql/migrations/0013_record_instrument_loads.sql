-- depends: 0012_find_names_by_key
-- A load replaces what a broker listed, and leaves a record; derivatives name their underlying.
--
-- Identifiers compare by their bytes (collation "C"): faster, the same on every machine, and an
-- index on them survives an upgrade of the operating system's locales.
--
-- Lock: access exclusive on oadb.instruments, while it is rewritten: seconds for 200,000 rows.
-- Deploy: with the code that loads; the next load fills underlying.

-- squawk-ignore-file changing-column-type, disallowed-unique-constraint
-- squawk-ignore-file constraint-missing-not-valid, require-concurrent-index-creation
-- squawk-ignore-file ban-drop-constraint, ban-drop-table

set local lock_timeout = '4s';

alter table oadb.instruments drop constraint instruments_token_key;

-- Looked at when a statement ends, not at each row, so that symbols can swap their tokens.
alter table oadb.instruments
alter column broker type text collate "C",
alter column exchange type text collate "C",
alter column symbol type text collate "C",
alter column broker_symbol type text collate "C",
alter column broker_exchange type text collate "C",
alter column token type text collate "C",
alter column instrument_type type text collate "C",
add column underlying text collate "C",
add constraint instruments_token_key
unique (broker, exchange, token) deferrable initially immediate;

comment on column oadb.instruments.underlying is
'Root of a derivative, as the platform spells it: NIFTY. Null: no derivative.';

-- Duplicates are found before they get here; a key of texts would cost as much as the copying.
drop table oadb.instrument_staging;

create unlogged table oadb.instrument_staging (
    broker          text collate "C" not null,
    exchange        text collate "C" not null,
    symbol          text collate "C" not null,
    name            text,
    broker_symbol   text collate "C" not null,
    broker_exchange text collate "C" not null,
    token           text collate "C" not null,
    instrument_type text collate "C" not null,
    underlying      text collate "C",
    expiry          date,
    strike          numeric,
    lot_size        bigint           not null,
    tick_size       numeric          not null,
    contract_value  numeric          not null,
    position        bigint           not null,

    constraint instrument_staging_pkey primary key (broker, position)
);

-- Emptied by each load: what is dead must not pile up until a fifth of a large table is.
alter table oadb.instrument_staging set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);

comment on table oadb.instrument_staging is
'Rows of a load on their way into instruments; empty outside of it.';
comment on column oadb.instrument_staging.position is 'Of the row in its source, from 1.';

create table oadb.instrument_loads (
    load_id    bigint           generated always as identity,
    broker     text collate "C" not null,
    source     text             not null,
    checksum   bytea,
    outcome    text             not null default 'started',
    reason     text,
    started_at timestamptz      not null default clock_timestamp(),
    ended_at   timestamptz,
    counts     jsonb            not null default '{}',
    exchanges  jsonb            not null default '{}',
    left_out   text[]           not null default '{}',

    constraint instrument_loads_pkey primary key (load_id),
    constraint instrument_loads_outcome_check check (outcome in ('started', 'loaded', 'failed')),
    constraint instrument_loads_ended_at_check check ((ended_at is null) = (outcome = 'started')),
    constraint instrument_loads_reason_check check ((reason is null) = (outcome <> 'failed'))
);

create index instrument_loads_broker_idx on oadb.instrument_loads (broker, load_id);

comment on table oadb.instrument_loads is 'Each load that was tried, and what became of it.';
comment on column oadb.instrument_loads.checksum is 'SHA-256 of the source file. Null: no file.';
comment on column oadb.instrument_loads.outcome is
'started: it runs, or its process died; a load that runs holds the advisory lock of its broker.';
comment on column oadb.instrument_loads.counts is
'Rows of the source: rows, accepted, rejected, duplicate_symbols, duplicate_tokens; and of the '
'table: inserted, updated, deleted. Accepted and neither inserted nor updated: unchanged.';
comment on column oadb.instrument_loads.exchanges is
'How many instruments each exchange of the load had before and after it: {"NFO": [100, 101]}.';
comment on column oadb.instrument_loads.left_out is
'A sample of the rows that were rejected or duplicates: where, and why.';

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'instrument_loads', 'select, insert, update'),
('oadb_ro', 'instrument_loads', 'select'),
('oadb_user', 'instrument_loads', 'select');

call oadb.renew_privileges();
