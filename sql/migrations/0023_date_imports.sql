-- depends: 0022_record_imports
-- The time that imports have come to, by which ids that began again are told from an older copy.
--
-- Lock: oadb.imports, for an instant: imports wait.
-- Deploy: before the code that writes it; what was recorded until then has no time.

set local lock_timeout = '4s';

alter table oadb.imports add column last_at timestamptz;

comment on column oadb.imports.last_at is
'The latest time of the rows that were brought over; null: none had one, or it is not known.';
comment on column oadb.imports.checksum is
'SHA-256 of id and time of the last row, by which it is noticed that another one has its id.';
