set local lock_timeout = '4s';

do $$
declare
    made     oadb.wanted_policies[];
    wanted   oadb.wanted_policies;
    was_open regclass[];
    each     regclass;
begin
    select
        array_agg(wanted_policies),
        array_agg(distinct wanted_policies.table_id::regclass) filter (
            where
            wanted_policies.schema_name = 'oadb'
            and not exists (
                select
                from oadb.user_tables
                where
                    wanted_policies.schema_name = user_tables.schema_name
                    and wanted_policies.table_name = user_tables.table_name
                    and not user_tables.is_log
            )
        )
    into made, was_open
    from oadb.wanted_policies;
    foreach wanted in array made loop
        execute format(
            'drop policy if exists %I on %s', wanted.policy_name, wanted.table_id::regclass
        );
    end loop;
    foreach each in array was_open loop
        execute format('alter table %s no force row level security', each);
        execute format('alter table %s disable row level security', each);
    end loop;
end
$$;

create or replace procedure oadb.make_log_partition(
    log_table text, moment timestamptz, patience interval, inout moved bigint
)
language plpgsql
security definer
set search_path = ''
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    kept     oadb.log_tables;
    starts   timestamptz;
    ends     timestamptz;
    made     text;
    stray    text := log_table || '_default';
    move     text;
    moved_on bigint;
begin
    select log_tables.* into kept
    from oadb.log_tables
    where log_tables.table_name = log_table;
    if not found then
        raise undefined_table using message = format('%s is no table of logs', log_table);
    end if;
    starts := date_trunc(kept.period, moment);
    ends := starts + ('1 ' || kept.period)::interval;
    made := log_table || '_' || to_char(starts, kept.name_format);
    execute format(
        'create table oadb.%I (like oadb.%I including all excluding identity)', made, log_table
    );
    move := format(
        'with moved as (delete from oadb.%I where logged_at >= %L and logged_at < %L returning *) '
        'insert into oadb.%I select * from moved',
        stray, starts, ends, made
    );
    -- Most of them before anybody has to wait.
    execute move;
    get diagnostics moved = row_count;
    call oadb.lock_in_turns(
        format(
            'lock table only oadb.%I in %s mode; lock table only oadb.%I in access exclusive mode',
            log_table,
            case when starts > now() then 'share update exclusive' else 'share row exclusive' end,
            stray
        ),
        patience
    );
    execute move;
    get diagnostics moved_on = row_count;
    moved := moved + moved_on;
    execute format(
        'alter table oadb.%I attach partition oadb.%I for values from (%L) to (%L)',
        log_table, made, starts, ends
    );
end
$$;

create or replace function oadb.act_as(acting_user_id bigint) returns void
language plpgsql
set search_path = ''
as $$
begin
    if acting_user_id is null then
        raise null_value_not_allowed using message = 'oadb.act_as: who? null is nobody';
    end if;
    perform set_config('oadb.user_id', acting_user_id::text, true);
    -- Switched to where it can be: not even a superuser sees more then. SET ROLE asks whether the
    -- session's role may. In a single-role database the role may be there for another database.
    if to_regrole('oadb_user') is not null then
        if
            has_schema_privilege('oadb_user', 'oadb', 'usage')
            and pg_has_role(
                session_user,
                'oadb_user',
                case
                    when current_setting('server_version_num')::int >= 160000 then 'set'
                    else 'member'
                end
            )
        then
            perform set_config('role', 'oadb_user', true);
        end if;
    end if;
    if not row_security_active('oadb.users') then
        raise insufficient_privilege using
            message = format(
                'row-level security does not bind the role %I: see oadb doctor', current_user
            ),
            hint = 'Connect as a role without superuser and bypassrls, or let the role oadb_user '
                || 'exist: call oadb.create_roles(); call oadb.grant_privileges();';
    end if;
end
$$;

create or replace procedure oadb.secure_user_tables()
language plpgsql
set search_path = ''
as $$
declare
    identity constant text := 'nullif(current_setting(''oadb.user_id'', true), '''')';
    listed   record;
    own      text;
    services text;
begin
    for listed in
        select
            format('%I.%I', user_tables.schema_name, user_tables.table_name) as name,
            user_tables.user_column,
            user_tables.write_check,
            pg_class.oid as table_id,
            pg_class.relrowsecurity and pg_class.relforcerowsecurity as is_forced,
            user_policy.oid is not null as has_user_policy,
            service_policy.polroles as service_ids,
            -- Who may work without an identity: the owner of the table and the roles of services.
            array(
                select pg_roles.oid
                from pg_catalog.pg_roles
                where
                    pg_roles.oid = pg_class.relowner
                    or pg_roles.rolname
                    in ('oadb_owner', 'oadb_app', 'oadb_log', 'oadb_rotate', 'oadb_ro')
            ) as wanted_ids
        from oadb.user_tables
        left join pg_catalog.pg_namespace on user_tables.schema_name = pg_namespace.nspname
        left join pg_catalog.pg_class
            on
                pg_namespace.oid = pg_class.relnamespace
                and user_tables.table_name = pg_class.relname
        left join pg_catalog.pg_policy as user_policy
            on pg_class.oid = user_policy.polrelid and user_policy.polname = 'user_policy'
        left join pg_catalog.pg_policy as service_policy
            on pg_class.oid = service_policy.polrelid and service_policy.polname = 'service_policy'
        order by user_tables.schema_name, user_tables.table_name
    loop
        if listed.table_id is null then
            raise undefined_table using
                message = format('oadb.user_tables lists %s, which does not exist', listed.name),
                hint = 'What drops a table also deletes its rows from oadb.user_tables and '
                    || 'oadb.role_privileges.';
        end if;
        if not listed.is_forced then
            execute format('alter table %s enable row level security', listed.name);
            execute format('alter table %s force row level security', listed.name);
        end if;
        if not listed.has_user_policy then
            own := format('%I = %s::bigint', listed.user_column, identity);
            execute format('create policy user_policy on %s using (%s)', listed.name, own)
                || coalesce(' with check (' || own || ' and (' || listed.write_check || '))', '');
        end if;
        if listed.service_ids is null then
            execute format(
                'create policy service_policy on %s using (%s is null)', listed.name, identity
            );
        end if;
        if listed.service_ids is null
            or not (
                listed.service_ids @> listed.wanted_ids and listed.service_ids <@ listed.wanted_ids
            )
        then
            select string_agg(quote_ident(pg_roles.rolname), ', ' order by pg_roles.rolname)
            into services
            from pg_catalog.pg_roles
            where pg_roles.oid = any(listed.wanted_ids);
            execute format('alter policy service_policy on %s to %s', listed.name, services);
        end if;
    end loop;
end
$$;

comment on procedure oadb.secure_user_tables is
'Gives each table of oadb.user_tables row-level security and its two policies, where it lacks '
'them. May be called again at any time, by the owner of the tables.';

create or replace procedure oadb.let_owner_act()
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

drop view oadb.wanted_policies;

drop trigger instrument_staging_refuse_identity on oadb.instrument_staging;
drop trigger users_refuse_identity on oadb.users;
drop function oadb.refuse_change();
drop function oadb.refuse_identity();

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and (
        table_name in ('claims', 'wanted_policies')
        or (
            role_name = 'oadb_user'
            and table_name in ('api_logs', 'analyzer_logs', 'traffic', 'latency')
        )
    );

drop table oadb.claims;

delete from oadb.user_tables
where is_log;

alter table oadb.user_tables drop column is_log;

call oadb.renew_privileges();
