-- What a service listed goes with the migrations of the service, which are rolled back before.

set local lock_timeout = '4s';

do $$
begin
    if exists (
        select from oadb.user_tables
        where schema_name <> 'oadb'
        union all
        select from oadb.role_privileges
        where schema_name <> 'oadb'
    ) then
        raise object_in_use using
            message = 'services have listed tables in oadb.user_tables or oadb.role_privileges',
            hint = 'Roll back the migrations of these services first.';
    end if;
end
$$;

create or replace procedure oadb.grant_privileges()
language plpgsql
set search_path = ''
as $$
declare
    granted record;
begin
    for granted in
        select pg_roles.rolname as role_name
        from pg_catalog.pg_roles
        where pg_roles.rolname in (select role_privileges.role_name from oadb.role_privileges)
    loop
        execute format('revoke all on all tables in schema oadb from %I', granted.role_name);
        execute format('grant usage on schema oadb to %I', granted.role_name);
        -- All of them; procedures, some of which run as their owner, are not among them.
        execute format(
            'grant execute on all functions in schema oadb to %I', granted.role_name
        );
    end loop;
    for granted in
        select role_privileges.*
        from oadb.role_privileges
        inner join pg_catalog.pg_roles on role_privileges.role_name = pg_roles.rolname
    loop
        execute format(
            'grant %s on oadb.%I to %I',
            granted.privileges, granted.table_name, granted.role_name
        );
    end loop;
    -- After a load, statistics. Before 17 the owner alone can have them made, or autovacuum.
    if to_regrole('oadb_app') is not null and current_setting('server_version_num')::int >= 170000
    then
        grant maintain on oadb.instruments to oadb_app;
    end if;
    -- For oadb doctor: what was applied is in yoyo's table.
    for granted in
        select
            pg_class.oid::regclass::text as yoyo_table,
            pg_roles.rolname as role_name
        from pg_catalog.pg_class
        inner join pg_catalog.pg_roles on pg_roles.rolname in ('oadb_app', 'oadb_ro')
        where
            pg_class.relname = '_yoyo_migration'
            and pg_class.relkind = 'r'
            and pg_class.relowner = (
                select pg_namespace.nspowner
                from pg_catalog.pg_namespace
                where pg_namespace.nspname = 'oadb'
            )
    loop
        execute format('grant select on %s to %I', granted.yoyo_table, granted.role_name);
    end loop;
    -- Who may work without an identity: the owner of the table and the roles of services.
    for granted in
        select
            pg_policy.polrelid::regclass::text as table_name,
            string_agg(quote_ident(pg_roles.rolname), ', ') as services
        from pg_catalog.pg_policy
        inner join pg_catalog.pg_class on pg_policy.polrelid = pg_class.oid
        inner join pg_catalog.pg_roles
            on
                pg_class.relowner = pg_roles.oid
                or pg_roles.rolname in ('oadb_owner', 'oadb_app', 'oadb_log', 'oadb_rotate', 'oadb_ro')
        where
            pg_policy.polname = 'service_policy'
            and pg_class.relnamespace = 'oadb'::regnamespace
        group by pg_policy.polrelid
    loop
        execute format(
            'alter policy service_policy on %s to %s', granted.table_name, granted.services
        );
    end loop;
end
$$;

comment on procedure oadb.grant_privileges is
'Gives each role of oadb that exists what oadb.role_privileges says, and nothing else. May be '
'called again at any time, by the owner of the tables.';

create or replace procedure oadb.renew_privileges()
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select
        from pg_catalog.pg_roles
        where
            rolname in (select role_privileges.role_name from oadb.role_privileges)
            and rolname <> current_user
            and has_schema_privilege(oid, 'oadb', 'usage')
    ) then
        call oadb.grant_privileges();
    end if;
end
$$;

comment on procedure oadb.renew_privileges is
'For migrations that change tables: grants again where roles are separate, and nothing elsewhere.';

drop procedure oadb.secure_user_tables();

drop table oadb.user_tables;

delete from oadb.role_privileges
where table_name = 'user_tables';

-- The column takes the key along.
alter table oadb.role_privileges
drop column schema_name,
add constraint role_privileges_pkey primary key (role_name, table_name);

call oadb.renew_privileges();
