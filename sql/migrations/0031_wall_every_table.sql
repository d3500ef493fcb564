-- depends: 0030_let_owners_act
-- Row-level security is forced on every table: on logs, where a user reads his own rows, and on
-- what belongs to no user, where an identity reads what oadb_user may read and is refused
-- everything else. So db.as_user is the same wall with one role as with seven.
--
-- Lock: access exclusive on every table and partition, for an instant.
-- Deploy: after the services, because log writers that store by COPY are refused by it.

set local lock_timeout = '4s';

alter table oadb.user_tables
add column is_log boolean not null default false;

comment on column oadb.user_tables.is_log is
'Services read it by operators that row-level security would keep from its indexes, such as @>: '
'their policy has no condition there, and the role of an identity is the wall.';

insert into oadb.user_tables (table_name, is_log)
values
('api_logs', true),
('analyzer_logs', true),
('traffic', true),
('latency', true);

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_user', 'api_logs', 'select'),
('oadb_user', 'analyzer_logs', 'select'),
('oadb_user', 'traffic', 'select'),
('oadb_user', 'latency', 'select'),
('oadb_app', 'claims', 'select, insert, update'),
('oadb_app', 'wanted_policies', 'select'),
('oadb_ro', 'wanted_policies', 'select');

create table oadb.claims (
    subject text not null,

    constraint claims_pkey primary key (subject),
    constraint claims_subject_check check (length(subject) between 1 and 300)
);

comment on table oadb.claims is
'What one process at a time does: who does it locks the row, and oadb maintain the table. Not by '
'advisory locks, which anybody who may connect can hold.';

insert into oadb.claims (subject)
values ('rollups');

create function oadb.refuse_identity() returns boolean
language plpgsql
parallel safe
set search_path = ''
as $$
begin
    raise insufficient_privilege using
        message = 'under an identity there is nothing but the rows of its user',
        hint = 'What belongs to no user is read and written without db.as_user.';
end
$$;

comment on function oadb.refuse_identity() is 'For policies: never returns.';

create function oadb.refuse_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise insufficient_privilege using
        message = format('%s takes no such change under an identity', tg_relid::regclass),
        hint = 'Make it without db.as_user.';
end
$$;

comment on function oadb.refuse_change() is 'For triggers that an identity meets: never returns.';

-- Another user has that name or address, says the error of a unique constraint; and nobody promotes
-- himself. Privileges on columns hold this too, but not for an owner.
create trigger users_refuse_identity
before update of username, email, is_admin on oadb.users
for each row
when (
    nullif(current_setting('oadb.user_id', true), '') is not null
    and (old.username, old.email, old.is_admin)
    is distinct from (new.username, new.email, new.is_admin)
)
execute function oadb.refuse_change();

-- It has no row-level security, because loads fill it by COPY; it is empty outside of a load.
create trigger instrument_staging_refuse_identity
before insert or update or delete or truncate on oadb.instrument_staging
for each statement
when (nullif(current_setting('oadb.user_id', true), '') is not null)
execute function oadb.refuse_change();

create view oadb.wanted_policies as
with services as (
    select
        pg_roles.oid as role_id,
        pg_roles.rolname = 'oadb_owner' as is_owner,
        pg_catalog.has_schema_privilege(pg_roles.oid, 'oadb', 'usage') as is_used
    from pg_catalog.pg_roles
    where pg_roles.rolname in ('oadb_owner', 'oadb_app', 'oadb_log', 'oadb_rotate', 'oadb_ro')
),

tables as (
    select
        class.oid as table_id,
        class.relowner as owner_id,
        namespace.nspname::text as schema_name,
        class.relname::text as table_name,
        -- A partition is what its table is.
        coalesce(parent.relname, class.relname)::text as listed_name
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    left join pg_catalog.pg_inherits as inheritance on class.oid = inheritance.inhrelid
    left join pg_catalog.pg_class as parent on inheritance.inhparent = parent.oid
    where
        class.relkind in ('r', 'p')
        and not (namespace.nspname = 'oadb' and class.relname = 'instrument_staging')
),

walls as (
    select
        tables.table_id,
        tables.owner_id,
        tables.schema_name,
        tables.table_name,
        user_tables.table_name is not null as is_listed,
        coalesce(user_tables.is_log, false) as is_log,
        user_tables.user_column,
        user_tables.write_check,
        coalesce(role_privileges.privileges, '') as privileges
    from tables
    left join oadb.user_tables
        on
            tables.schema_name = user_tables.schema_name
            and tables.listed_name = user_tables.table_name
    left join oadb.role_privileges
        on
            tables.schema_name = role_privileges.schema_name
            and tables.listed_name = role_privileges.table_name
            and role_privileges.role_name = 'oadb_user'
    where
        tables.schema_name = 'oadb'
        or user_tables.table_name is not null
),

-- What a user may do with his rows: all, unless oadb_user is listed with less.
own as (
    select
        walls.table_id,
        array(
            select listed.command
            from unnest(array['select', 'insert', 'update', 'delete']) as listed (command)
            where walls.privileges ~ ('\m' || listed.command || '\M')
        ) as commands
    from walls
    where walls.is_listed
),

wanted as (
    select
        own.table_id,
        case
            when single.command in ('all', 'select') then 'user_policy'
            else 'user_' || single.command || '_policy'
        end as policy_name,
        single.command,
        'own' as shows,
        '{0}'::oid[] as role_ids
    from own
    cross join
        lateral unnest(
            case when cardinality(own.commands) in (0, 4) then array['all'] else own.commands end
        ) as single (command)
    union all
    select
        walls.table_id,
        'service_policy' as policy_name,
        'all' as command,
        case when walls.is_listed then 'without identity' else 'or refuse' end as shows,
        array(
            select walls.owner_id
            union
            select services.role_id
            from services
        ) as role_ids
    from walls
    where not walls.is_log
    union all
    select
        walls.table_id,
        'owner_policy' as policy_name,
        'all' as command,
        'without identity' as shows,
        array(
            select walls.owner_id
            union
            select services.role_id
            from services
            where services.is_owner
        ) as role_ids
    from walls
    where walls.is_log
    union all
    select
        walls.table_id,
        'service_policy' as policy_name,
        'all' as command,
        'all' as shows,
        array_agg(services.role_id) as role_ids
    from walls
    inner join services on walls.owner_id <> services.role_id
    where
        walls.is_log
        and services.is_used
        and not services.is_owner
    group by walls.table_id
    union all
    select
        walls.table_id,
        'read_policy' as policy_name,
        'select' as command,
        'all' as shows,
        '{0}'::oid[] as role_ids
    from walls
    where
        not walls.is_listed
        and walls.privileges ~ '\mselect\M'
)

select
    wanted.table_id,
    walls.schema_name,
    walls.table_name,
    wanted.policy_name,
    wanted.command,
    wanted.shows,
    case when wanted.shows = 'own' then walls.user_column end as user_column,
    case
        when wanted.shows = 'own' and wanted.command in ('all', 'insert', 'update')
            then walls.write_check
    end as write_check,
    wanted.role_ids,
    coalesce(
        policy.polcmd = codes.code
        and policy.polroles @> wanted.role_ids
        and policy.polroles <@ wanted.role_ids,
        false
    ) as is_made
from wanted
inner join walls on wanted.table_id = walls.table_id
inner join (
    values ('all', '*'), ('select', 'r'), ('insert', 'a'), ('update', 'w'), ('delete', 'd')
) as codes (command, code) on wanted.command = codes.command
left join pg_catalog.pg_policy as policy
    on wanted.table_id = policy.polrelid and wanted.policy_name = policy.polname;

comment on view oadb.wanted_policies is
'The policies that there should be on tables of oadb and on those that oadb.user_tables lists, '
'which rows each shows, and to which roles (0: all).';
comment on column oadb.wanted_policies.shows is
'own: those of the user. all. without identity: all, without one. or refuse: the same, and with '
'one an error.';
comment on column oadb.wanted_policies.is_made is 'For this command and these roles.';

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

comment on procedure oadb.secure_user_tables is
'Forces row-level security on each table of oadb and of oadb.user_tables, and makes those policies '
'of oadb.wanted_policies that lack. May be called again at any time, by the owner of the tables.';

create or replace function oadb.act_as(acting_user_id bigint) returns void
language plpgsql
set search_path = ''
as $$
begin
    if acting_user_id is null then
        raise null_value_not_allowed using message = 'oadb.act_as: who? null is nobody';
    end if;
    if current_setting('citus.propagate_set_commands', true) <> 'local' then
        raise insufficient_privilege using
            message = 'the workers of Citus do not learn an identity',
            hint = 'Set citus.propagate_set_commands = local for the role.';
    end if;
    perform set_config('oadb.user_id', acting_user_id::text, true);
    -- Where roles are separate. Not even a superuser sees more then. SET ROLE asks whether the
    -- session's role may. In a single-role database the role may be there for another database.
    if to_regrole('oadb_user') is not null then
        if has_schema_privilege('oadb_user', 'oadb', 'usage') then
            if not pg_has_role(
                session_user,
                'oadb_user',
                case
                    when current_setting('server_version_num')::int >= 160000 then 'set'
                    else 'member'
                end
            ) then
                raise insufficient_privilege using
                    message = format(
                        '%I cannot become oadb_user, which an identity needs', session_user
                    ),
                    hint = format(
                        'As a superuser, or as who made that role: grant oadb_user to %I;',
                        session_user
                    );
            end if;
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

comment on procedure oadb.let_owner_act is
'Lets the owner of the schema become oadb_user, which an identity needs, if that may be granted.';

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
    call oadb.secure_user_tables();
end
$$;

call oadb.renew_privileges();
