-- depends: 0064_wall_partitions_before_attaching
-- On a Citus cluster, roles that write a distributed log may name its log_id: the coordinator
-- numbers rows, and sends the numbers to workers under the same role. Elsewhere nothing changes.
--
-- Lock: none.
-- Deploy: before or after the code.

set local lock_timeout = '4s';

create or replace procedure oadb.grant_privileges()
language plpgsql
set search_path = ''
as $$
declare
    granted record;
begin
    call oadb.mend_restore();
    for granted in
        select
            pg_roles.rolname as role_name,
            listed.schema_name,
            exists (
                select
                from oadb.role_privileges
                where
                    role_privileges.role_name = pg_roles.rolname
                    and role_privileges.schema_name = listed.schema_name
            ) as is_listed
        from pg_catalog.pg_roles
        cross join (
            select distinct role_privileges.schema_name
            from oadb.role_privileges
        ) as listed
        where pg_roles.rolname in (select role_privileges.role_name from oadb.role_privileges)
    loop
        execute format(
            'revoke all on all tables in schema %I from %I', granted.schema_name, granted.role_name
        );
        if granted.is_listed then
            execute format(
                'grant usage on schema %I to %I', granted.schema_name, granted.role_name
            );
            -- All of them; procedures, some of which run as their owner, are not among them.
            execute format(
                'grant execute on all functions in schema %I to %I',
                granted.schema_name, granted.role_name
            );
        end if;
    end loop;
    for granted in
        select role_privileges.*
        from oadb.role_privileges
        inner join pg_catalog.pg_roles on role_privileges.role_name = pg_roles.rolname
    loop
        execute format(
            'grant %s on %I.%I to %I',
            granted.privileges, granted.schema_name, granted.table_name, granted.role_name
        );
    end loop;
    -- After a load, statistics. Before 17 the owner alone can have them made, or autovacuum.
    if to_regrole('oadb_app') is not null and current_setting('server_version_num')::int >= 170000
    then
        grant maintain on oadb.instruments to oadb_app;
    end if;
    -- On a Citus cluster the coordinator numbers rows, and sends the numbers under the role that
    -- writes them.
    if to_regclass('pg_catalog.pg_dist_partition') is not null then
        for granted in execute
            'select role_privileges.*, pg_attribute.attname as column_name '
            'from oadb.role_privileges '
            'inner join pg_catalog.pg_dist_partition on logicalrelid = to_regclass('
            'format(''%I.%I'', role_privileges.schema_name, role_privileges.table_name)) '
            'inner join pg_catalog.pg_attribute on attrelid = logicalrelid and attidentity <> '''' '
            'inner join pg_catalog.pg_roles on role_privileges.role_name = rolname '
            'where partmethod = ''h'' and role_privileges.privileges ~ ''\minsert \('''
        loop
            execute format(
                'grant insert (%I) on %I.%I to %I',
                granted.column_name, granted.schema_name, granted.table_name, granted.role_name
            );
        end loop;
    end if;
    -- For oadb ready and the doctor: what was applied is in yoyo's tables, whose schema may be one of
    -- their own. Who migrated, from which host, is nobody else's business.
    for granted in
        select
            pg_class.oid::regclass::text as yoyo_table,
            case pg_class.relname
                when '_yoyo_log' then '(id, migration_id, operation, comment, created_at_utc)'
                else ''
            end as columns,
            pg_class.relnamespace::regnamespace::text as yoyo_schema,
            pg_roles.rolname as role_name
        from pg_catalog.pg_class
        inner join pg_catalog.pg_roles on pg_roles.rolname in ('oadb_app', 'oadb_ro')
        where
            pg_class.relname in ('_yoyo_migration', '_yoyo_log')
            and pg_class.relkind = 'r'
            and pg_class.relowner = (
                select pg_namespace.nspowner
                from pg_catalog.pg_namespace
                where pg_namespace.nspname = 'oadb'
            )
    loop
        execute format('grant usage on schema %s to %I', granted.yoyo_schema, granted.role_name);
        execute format(
            'grant select %s on %s to %I',
            granted.columns, granted.yoyo_table, granted.role_name
        );
    end loop;
    call oadb.secure_user_tables();
end
$$;
