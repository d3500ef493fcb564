-- Every security event is lost, and who set the trading mode and promoted keys.

set local lock_timeout = '4s';

drop table oadb.security_events;
drop table oadb.security_event_links;
-- With its triggers on the other tables.
drop function oadb.record_security_event() cascade;
drop function oadb.keep_security_events();

alter table oadb.second_factors drop column wrong_at;
alter table oadb.trading_mode drop column set_by;
alter table oadb.key_canaries drop column promoted_at;

create or replace procedure oadb.create_roles()
language plpgsql
set search_path = ''
as $$
declare
    wanted text;
    made   text[] := '{}';
begin
    foreach wanted in array
        array['oadb_owner', 'oadb_migrate', 'oadb_app', 'oadb_log', 'oadb_rotate', 'oadb_ro', 'oadb_user']
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
                made := made || wanted;
            exception
                -- Another database of the server was migrated at the same moment.
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    -- Whoever made the first of two gives it to the second; what a DBA changed later stays.
    if made && array['oadb_owner', 'oadb_migrate'] then
        grant oadb_owner to oadb_migrate;
        -- What it creates belongs to oadb_owner, which nobody can sign in as.
        alter role oadb_migrate set role = 'oadb_owner';
    end if;
    if made && array['oadb_app', 'oadb_user'] then
        grant oadb_user to oadb_app;
    end if;
    if 'oadb_app' = any(made) then
        alter role oadb_app set statement_timeout = '15s';
        alter role oadb_app set lock_timeout = '2s';
        alter role oadb_app set idle_in_transaction_session_timeout = '10s';
    end if;
    call oadb.let_owner_act();
end
$$;

create or replace procedure oadb.let_owner_act()
language plpgsql
set search_path = ''
as $$
declare
    is_new boolean := current_setting('server_version_num')::int >= 160000;
    owner  text;
begin
    select pg_roles.rolname into owner
    from pg_catalog.pg_namespace
    inner join pg_catalog.pg_roles on pg_namespace.nspowner = pg_roles.oid
    where
        pg_namespace.nspname = 'oadb'
        -- A superuser need not be let, and nobody signs in as oadb_owner.
        and not pg_roles.rolsuper
        and pg_roles.rolcanlogin
        and to_regrole('oadb_user') is not null;
    if not found then
        return;
    end if;
    if pg_has_role(owner, 'oadb_user', case when is_new then 'set' else 'member' end) then
        return;
    end if;
    execute format('grant oadb_user to %I', owner)
        || case when is_new then ' with inherit false, set true' else '' end;
exception
    when insufficient_privilege then
        raise warning '% cannot become oadb_user: %', owner, sqlerrm
            using hint = format(
                'As a superuser, or as who made that role: grant oadb_user to %I; until then '
                'db.as_user is refused to it.', owner
            );
end
$$;

delete from oadb.user_tables
where schema_name = 'oadb' and table_name = 'security_events';

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name in ('security_events', 'security_event_links');

update oadb.role_privileges
set privileges = 'select, update (mode)'
where
    role_name = 'oadb_app'
    and schema_name = 'oadb'
    and table_name = 'trading_mode';

update oadb.role_privileges
set privileges = 'select, insert, delete'
where
    role_name = 'oadb_rotate'
    and schema_name = 'oadb'
    and table_name = 'key_canaries';

update oadb.role_privileges
set privileges = replace(privileges, 'failures, wrong_at, ', 'failures, ')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'second_factors';

call oadb.renew_privileges();
