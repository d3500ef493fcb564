-- The schema that holds everything of oadb, and what was applied to it.
--
-- Lock: none, schema and table are new; for a role named oadb, also access
-- exclusive on yoyo's own tables.

set local lock_timeout = '4s';

create schema oadb;

comment on schema oadb is 'The data layer of a trading platform. Changed by migrations only.';

create table oadb.applied_migrations (
    migration_id text        not null,
    checksum     bytea       not null,
    applied_at   timestamptz not null default now(),

    constraint applied_migrations_pkey primary key (migration_id),
    constraint applied_migrations_checksum_check check (octet_length(checksum) = 32)
);

comment on table oadb.applied_migrations is
'What each applied migration said when it was applied, so that a later edit is noticed.';
comment on column oadb.applied_migrations.migration_id is
'File name without .sql, as in _yoyo_migration, which says what is applied.';
comment on column oadb.applied_migrations.checksum is
'SHA-256 of the file with line ends as \n.';
comment on column oadb.applied_migrations.applied_at is
'Equal to applied_at_utc of _yoyo_migration; if not, the yoyo command applied the file anew.';

-- For a role named oadb, search_path begins with this schema from now on, because
-- it begins with "$user". yoyo would no longer find what it remembers, and begin
-- again; so its tables move to where it looks.
do $$
declare
    yoyo_table text;
begin
    if current_schema() = 'oadb' then
        foreach yoyo_table in array
            array['_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock']
        loop
            execute format('alter table %s set schema oadb', to_regclass(yoyo_table));
        end loop;
    end if;
end
$$;
