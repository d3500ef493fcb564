-- depends: 0038_refuse_blank_labels
-- What each imported row was like, there and here, when it was compared last. So a later import
-- can tell what changed in the other system, what changed in oadb, and what changed in both.
--
-- Lock: none on tables that are there already.

set local lock_timeout = '4s';

create table oadb.imported_rows (
    installation text        not null,
    table_name   text        not null,
    row_id       bigint      not null,
    target       text        not null,
    there        jsonb       not null,
    here         jsonb       not null,
    compared_at  timestamptz not null default now(),

    constraint imported_rows_pkey primary key (installation, table_name, row_id),
    constraint imported_rows_installation_check check (length(installation) between 1 and 100),
    constraint imported_rows_there_check check (jsonb_typeof(there) = 'object'),
    constraint imported_rows_here_check check (jsonb_typeof(here) = 'object')
);

comment on table oadb.imported_rows is
'What imported rows were like when they were compared last. Without its row here, a difference '
'between the two systems cannot be said to come from one of them.';
comment on column oadb.imported_rows.installation is 'The name given to it by who imported it.';
comment on column oadb.imported_rows.table_name is 'As it is called there.';
comment on column oadb.imported_rows.row_id is 'Its id there.';
comment on column oadb.imported_rows.target is
'What it became in oadb: of a user, the user id; of tokens of a broker, the broker; else empty.';
comment on column oadb.imported_rows.there is
'A keyed digest of each field of the row there: nobody can guess a value without the key ring. Of '
'the field that says whose row it is, the value.';
comment on column oadb.imported_rows.here is
'The same of oadb, after a mark: = the values were equal, ! oadb had another one, and kept it. '
'Only ?: they differed, and it is not known which is newer.';

-- Nothing for services: who imports does so as the owner.
insert into oadb.role_privileges (role_name, table_name, privileges)
values
(
    'oadb_ro', 'imported_rows',
    'select (installation, table_name, row_id, target, compared_at)'
);

call oadb.renew_privileges();
