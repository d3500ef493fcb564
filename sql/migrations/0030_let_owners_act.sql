-- depends: 0029_list_user_tables
-- The owner of the tables who may make roles and is no superuser, as managed services give it, may
-- become oadb_user: under db.as_user it then sees neither logs nor settings of the application,
-- which belong to no user. Before, row-level security alone bound it.
--
-- Lock: none.

set local lock_timeout = '4s';

create procedure oadb.let_owner_act()
language plpgsql
set search_path = ''
as $$
declare
    is_new boolean := current_setting('server_version_num')::int >= 160000;
begin
    if
        to_regrole('oadb_user') is null
        -- Only who may make roles: nobody signs in as oadb_owner, and a superuser need not be let.
        or not (
            select rolcreaterole and not rolsuper
            from pg_catalog.pg_roles
            where rolname = current_user
        )
        or pg_has_role('oadb_user', case when is_new then 'set' else 'member' end)
    then
        return;
    end if;
    execute format('grant oadb_user to %I', current_user)
        || case when is_new then ' with inherit false, set true' else '' end;
exception
    when insufficient_privilege then
        raise warning '% cannot become oadb_user: %', current_user, sqlerrm
            using hint = format(
                'As who made that role: grant oadb_user to %I; until then db.as_user shows logs '
                'and settings of the application.', current_user
            );
end
$$;

comment on procedure oadb.let_owner_act is
'Lets the owner of the tables, who calls it, become oadb_user, if it may be granted.';

revoke execute on procedure oadb.let_owner_act() from public;

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

call oadb.let_owner_act();
