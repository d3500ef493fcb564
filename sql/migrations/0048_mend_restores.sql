-- depends: 0047_let_audits_outlive_users
-- After a restore that lost policies, an owner of the tables that is no superuser can make them
-- again. The lists of what there should be were hidden from it as well, so that wrong policies were
-- made; and it could not make the roles, because it could not write the security events of that.
-- A restore without privileges had let everybody call the procedures that run as their owner.
-- Lock: none.
-- Deploy: before or after the code.

set local lock_timeout = '4s';

create procedure oadb.mend_restore()
language plpgsql
set search_path = ''
as $$
declare
    listed    regclass;
    procedure regprocedure;
begin
    -- Everybody may call what nobody was forbidden; services call merge_search_entries.
    for procedure in
        select pg_proc.oid::regprocedure
        from pg_catalog.pg_proc
        where
            pg_proc.pronamespace = 'oadb'::regnamespace
            and pg_proc.prokind = 'p'
            and pg_proc.proname <> 'merge_search_entries'
            and has_function_privilege('public', pg_proc.oid, 'execute')
        order by pg_proc.oid
    loop
        execute format('revoke execute on procedure %s from public', procedure);
    end loop;
    foreach listed in array array['oadb.user_tables', 'oadb.role_privileges']::regclass[] loop
        if exists (
            select
            from pg_catalog.pg_class
            where
                pg_class.oid = listed
                and pg_class.relrowsecurity
                and not exists (
                    select
                    from pg_catalog.pg_policy
                    where
                        pg_policy.polrelid = pg_class.oid
                        and pg_policy.polname = 'service_policy'
                        and pg_class.relowner = any(pg_policy.polroles)
                )
        ) then
            execute format('drop policy if exists service_policy on %s', listed);
            execute format(
                'create policy service_policy on %s to %s using (case when '
                'nullif(current_setting(''oadb.user_id'', true), '''') is null then true '
                'else oadb.refuse_identity() end)',
                listed,
                (
                    select pg_class.relowner::regrole::text
                    from pg_catalog.pg_class
                    where pg_class.oid = listed
                )
            );
        end if;
    end loop;
end
$$;

comment on procedure oadb.mend_restore is
'Makes good what a restore may have lost, before the lists are used: the owner of oadb.user_tables '
'and oadb.role_privileges reads them, and procedures are closed to everybody again.';

revoke execute on procedure oadb.mend_restore() from public;

create or replace procedure oadb.secure_user_tables()
language plpgsql
set search_path = ''
as $$
declare
    identity constant text := 'nullif(current_setting(''oadb.user_id'', true), '''')';
    missing  text;
    open     regclass[];
    each     regclass;
    lacking  oadb.wanted_policies[];
    wanted   oadb.wanted_policies;
    shown    text;
    roles    text;
begin
    call oadb.mend_restore();
    select format('%I.%I', user_tables.schema_name, user_tables.table_name) into missing
    from oadb.user_tables
    where to_regclass(format('%I.%I', user_tables.schema_name, user_tables.table_name)) is null
    order by 1
    limit 1;
    if found then
        raise undefined_table using
            message = format('oadb.user_tables lists %s, which does not exist', missing),
            hint = 'What drops a table also deletes its rows from oadb.user_tables and '
                || 'oadb.role_privileges.';
    end if;
    -- Both are read to the end before anything is changed: the lists are among these tables.
    select
        array_agg(distinct pg_class.oid::regclass) filter (
            where not (pg_class.relrowsecurity and pg_class.relforcerowsecurity)
        ),
        array_agg(wanted_policies) filter (where not wanted_policies.is_made)
    into open, lacking
    from oadb.wanted_policies
    inner join pg_catalog.pg_class on wanted_policies.table_id = pg_class.oid;
    foreach each in array coalesce(open, '{}') loop
        execute format('alter table %s enable row level security', each);
        execute format('alter table %s force row level security', each);
    end loop;
    foreach wanted in array coalesce(lacking, '{}') loop
        each := wanted.table_id::regclass;
        shown := case wanted.shows
            when 'own' then format('%I = %s::bigint', wanted.user_column, identity)
            when 'without identity' then identity || ' is null'
            when 'or refuse' then
                'case when ' || identity || ' is null then true else oadb.refuse_identity() end'
            else 'true'
        end;
        select string_agg(coalesce(quote_ident(pg_roles.rolname), 'public'), ', ') into roles
        from unnest(wanted.role_ids) as listed (role_id)
        left join pg_catalog.pg_roles on listed.role_id = pg_roles.oid;
        execute format('drop policy if exists %I on %s', wanted.policy_name, each);
        execute format(
            'create policy %I on %s for %s to %s',
            wanted.policy_name, each, wanted.command, roles
        )
        || case when wanted.command <> 'insert' then format(' using (%s)', shown) else '' end
        || case
            when wanted.write_check is not null
                then format(' with check (%s and (%s))', shown, wanted.write_check)
            when wanted.command = 'insert' then format(' with check (%s)', shown)
            else ''
        end;
    end loop;
end
$$;

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
    -- For oadb doctor: what was applied is in yoyo's table, whose schema may be one of its own.
    for granted in
        select
            pg_class.oid::regclass::text as yoyo_table,
            pg_class.relnamespace::regnamespace::text as yoyo_schema,
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
        execute format('grant usage on schema %s to %I', granted.yoyo_schema, granted.role_name);
        execute format('grant select on %s to %I', granted.yoyo_table, granted.role_name);
    end loop;
    call oadb.secure_user_tables();
end
$$;

create or replace procedure oadb.renew_privileges()
language plpgsql
set search_path = ''
as $$
begin
    call oadb.mend_restore();
    if exists (
        select
        from pg_catalog.pg_roles
        where
            rolname in (select role_privileges.role_name from oadb.role_privileges)
            and rolname <> current_user
            and has_schema_privilege(oid, 'oadb', 'usage')
    ) then
        call oadb.grant_privileges();
    else
        call oadb.secure_user_tables();
    end if;
end
$$;

create or replace procedure oadb.create_roles()
language plpgsql
set search_path = ''
as $$
declare
    wanted text;
    made   text[] := '{}';
begin
    -- So that the events below can be written after a restore that lost policies.
    call oadb.secure_user_tables();
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
    insert into oadb.security_events (kind, db_role, detail)
    select
        'role_changed',
        session_user,
        jsonb_build_object('role_name', role_name, 'created', true)
    from unnest(made) as role_name;
    call oadb.let_owner_act();
end
$$;
