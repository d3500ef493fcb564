-- A table there that was cleared is then taken for that of another installation.

set local lock_timeout = '4s';

comment on column oadb.imports.checksum is
'SHA-256 of id and time of that row, by which another installation of the same name is noticed.';

alter table oadb.imports drop column last_at;
