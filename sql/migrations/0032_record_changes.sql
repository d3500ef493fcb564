-- depends: 0031_wall_every_table
-- Changes of rows that other processes may have cached are rows themselves, written in the
-- transaction of the change, and read in the order of their commits. Before, they were the payloads
-- of notifications: everybody who may connect could read and send these, and a full queue of them
-- refused the change.
--
-- Lock: none on tables that are there already.
-- Deploy: before the code that writes them. Processes of the code before it do not follow what the
-- new code writes: start all of them again.

set local lock_timeout = '4s';

create table oadb.changes (
    xid        xid8        not null default pg_current_xact_id(),
    change_id  bigint      generated always as identity,
    table_name text        not null,
    user_id    bigint,
    key        text        not null,
    changed_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,

    constraint changes_pkey primary key (xid, change_id)
);

create index changes_changed_at_idx on oadb.changes (changed_at);

comment on table oadb.changes is
'What changed in the last hours, for processes that cache it. Names rows, never their values.';
comment on column oadb.changes.xid is
'The transaction of the change: not a savepoint of it. Committed later than one with a higher xid, '
'the row becomes visible later; readers compare snapshots, not xids.';
comment on column oadb.changes.table_name is
'The changed table; readers drop all that they know if they do not know it.';
comment on column oadb.changes.user_id is
'Whose row changed; null: the application''s. No foreign key: who was deleted is told as well.';
comment on column oadb.changes.key is
'The primary key without user_id; empty: all rows of the user in this table.';
comment on column oadb.changes.changed_at is
'Before the commit. After a crash xids may be used again, and readers go by this time as well.';
comment on column oadb.changes.expires_at is
'When it may be deleted: an hour after oadb maintain first saw it, however late its transaction '
'committed. Null: not seen yet.';

insert into oadb.user_tables (table_name)
values ('changes');

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'changes', 'select, insert (table_name, user_id, key)'),
('oadb_ro', 'changes', 'select'),
('oadb_user', 'changes', 'select, insert (table_name, user_id, key)');

call oadb.renew_privileges();
