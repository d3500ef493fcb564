-- depends: 0021_roll_up_logs
-- Imports from other systems: how far each table was brought over, so that a run goes on where
-- another one ended, and brings nothing twice.
--
-- Lock: none on tables that are there already.

set local lock_timeout = '4s';

create table oadb.imports (
    installation text        not null,
    table_name   text        not null,
    last_id      bigint      not null,
    checksum     bytea       not null,
    rows         bigint      not null,
    imported_at  timestamptz not null default now(),

    constraint imports_pkey primary key (installation, table_name),
    constraint imports_installation_check check (length(installation) between 1 and 100),
    constraint imports_checksum_check check (octet_length(checksum) = 32),
    constraint imports_rows_check check (rows >= 0)
);

comment on table oadb.imports is
'How far the tables of other systems that only grow were brought over. Rows are never deleted: '
'without its row here, a log would be brought over again.';
comment on column oadb.imports.installation is 'The name given to it by who imported it.';
comment on column oadb.imports.table_name is 'As it is called there.';
comment on column oadb.imports.last_id is 'The id there of the last row that was looked at.';
comment on column oadb.imports.checksum is
'SHA-256 of id and time of that row, by which another installation of the same name is noticed.';
comment on column oadb.imports.rows is 'How many rows were brought over; others were left out.';

-- Nothing for services: who imports writes the past, audit included, and does so as the owner.
insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_ro', 'imports', 'select');

call oadb.renew_privileges();
