-- depends: 0036_say_what_files_say
-- When the lists were downloaded that loads brought: of this, not of the time of a load, it depends
-- whether the instruments of an exchange are out of date.
--
-- Lock: access exclusive on oadb.instrument_loads, while its rows are read twice and an index of it
-- is built: it has one row for each load.
-- Deploy: before the code that writes it. Code before it leaves the time out: its loads are due.

-- squawk-ignore-file require-concurrent-index-creation, constraint-missing-not-valid

set local lock_timeout = '4s';

alter table oadb.instrument_loads add column downloaded_at timestamptz;

-- Imports did not say how old their rows were.
update oadb.instrument_loads
set downloaded_at = ended_at
where
    outcome = 'loaded'
    and source <> 'symtoken of OpenAlgo';

alter table oadb.instrument_loads
add constraint instrument_loads_downloaded_at_check
check (downloaded_at is null or outcome = 'loaded');

create index instrument_loads_downloaded_at_idx
on oadb.instrument_loads (broker, downloaded_at)
where downloaded_at is not null;

comment on column oadb.instrument_loads.downloaded_at is
'When the list was downloaded that the load brought: as its source says, else the time of the '
'load. Null: not known, or the load has not succeeded.';
comment on column oadb.instrument_loads.counts is
'Rows of the source: rows, accepted, rejected, omitted, duplicate_symbols, duplicate_tokens, and '
'reasons with the number of rows for each; and of the table: inserted, updated, deleted. Accepted '
'and neither inserted nor updated: unchanged.';
comment on column oadb.instrument_loads.left_out is
'A sample of the rows that were rejected, omitted or duplicates: where, and why.';
