set local lock_timeout = '4s';

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
end
$$;

-- The membership stays: it may be older.
drop procedure oadb.let_owner_act();
