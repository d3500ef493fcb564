-- The roles stay: other databases of the server may use them.

set local lock_timeout = '4s';

do $$
declare
    known record;
begin
    for known in
        select pg_roles.rolname as role_name
        from pg_catalog.pg_roles
        where pg_roles.rolname in (select role_privileges.role_name from oadb.role_privileges)
    loop
        execute format('revoke all on all tables in schema oadb from %I', known.role_name);
        execute format('revoke all on all functions in schema oadb from %I', known.role_name);
        execute format('revoke all on schema oadb from %I', known.role_name);
    end loop;
    for known in
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
        execute format('revoke all on %s from %I', known.yoyo_table, known.role_name);
    end loop;
    for known in
        select pg_policy.polrelid::regclass::text as table_name
        from pg_catalog.pg_policy
        inner join pg_catalog.pg_class on pg_policy.polrelid = pg_class.oid
        where
            pg_policy.polname = 'service_policy'
            and pg_class.relnamespace = 'oadb'::regnamespace
    loop
        execute format('drop policy service_policy on %s', known.table_name);
        execute format('drop policy user_policy on %s', known.table_name);
        execute format(
            'alter table %s no force row level security, disable row level security',
            known.table_name
        );
    end loop;
end
$$;

drop function oadb.act_as(bigint);
drop procedure oadb.renew_privileges();
drop procedure oadb.grant_privileges();
drop procedure oadb.create_roles();
drop table oadb.role_privileges;
