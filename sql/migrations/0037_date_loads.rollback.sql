set local lock_timeout = '4s';

comment on column oadb.instrument_loads.counts is
'Rows of the source: rows, accepted, rejected, duplicate_symbols, duplicate_tokens; and of the '
'table: inserted, updated, deleted. Accepted and neither inserted nor updated: unchanged.';
comment on column oadb.instrument_loads.left_out is
'A sample of the rows that were rejected or duplicates: where, and why.';

drop index oadb.instrument_loads_downloaded_at_idx;

alter table oadb.instrument_loads
drop constraint instrument_loads_downloaded_at_check,
drop column downloaded_at;
