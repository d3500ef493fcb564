-- depends: 0028_say_who_banned
-- Which tables hold rows of users is listed, for services with tables of their own too. One
-- procedure makes their row-level security from that list, and can be called again at any time:
-- also after a restore into a cluster without the roles, which loses the policies that name them.
-- Privileges are listed by schema.
--
-- Lock: access exclusive on oadb.role_privileges, for an instant.
-- Deploy: before services that list tables of their own.

-- The table has some hundred rows.
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid
-- squawk-ignore-file adding-serial-primary-key-field

set local lock_timeout = '4s';

alter table oadb.role_privileges
add column schema_name text not null default 'oadb',
drop constraint role_privileges_pkey,
add constraint role_privileges_pkey primary key (schema_name, role_name, table_name);

comment on column oadb.role_privileges.schema_name is 'oadb, or that of a service.';

create table oadb.user_tables (
    schema_name text not null default 'oadb',
    table_name  text not null,
    user_column text not null default 'user_id',
    write_check text,

    constraint user_tables_pkey primary key (schema_name, table_name)
);

comment on table oadb.user_tables is
'Tables that hold rows of users; under db.as_user each shows the rows of that user alone. Changed '
'by migrations; see oadb.secure_user_tables().';
comment on column oadb.user_tables.user_column is 'The id of the user whose row it is.';
comment on column oadb.user_tables.write_check is
'What must also hold for rows that are written under an identity: an expression. Null: nothing.';

insert into oadb.user_tables (table_name, write_check)
values
('users', null),
('sessions', null),
('login_attempts', null),
('api_keys', null),
('broker_tokens', null),
('second_factors', null),
('settings', null),
('setting_changes', 'changed_by = nullif(current_setting(''oadb.user_id'', true), '''')::bigint'),
(
    'pending_orders',
    'status = ''pending'' '
    'or decided_by = nullif(current_setting(''oadb.user_id'', true), '''')::bigint'
),
('strategies', null),
('strategy_mappings', null);

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'user_tables', 'select'),
('oadb_ro', 'user_tables', 'select');

create procedure oadb.secure_user_tables()
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

create or replace procedure oadb.grant_privileges()
language plpgsql
set search_path = ''
as $$
declare
    granted record;
begin
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

comment on procedure oadb.grant_privileges is
'Gives each role of oadb that exists what oadb.role_privileges says, and nothing else, and tables '
'of users their policies. May be called again at any time, by the owner of the tables.';

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
    else
        call oadb.secure_user_tables();
    end if;
end
$$;

comment on procedure oadb.renew_privileges is
'For migrations that change tables, of services too: secures tables of users, and grants again '
'where roles are separate.';

-- Only who owns the tables secures them.
revoke execute on procedure oadb.secure_user_tables() from public;

call oadb.renew_privileges();
