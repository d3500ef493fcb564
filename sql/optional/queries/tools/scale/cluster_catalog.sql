-- What Citus knows of a cluster, asked on its coordinator. Bound in
-- oadb/tools/scale/cluster_catalog.py.

-- name: _get_coordinator
-- Whether this server is the coordinator, how far settings of transactions reach, and which roles
-- there are: without oadb_user, workers would show the owner all rows under an identity that did
-- not reach them; rows of logs come by COPY, which row-level security refuses.
select
    pg_catalog.citus_is_coordinator() as is_coordinator,
    pg_catalog.quote_ident(pg_catalog.current_database()) as database_name,
    pg_catalog.current_setting('citus.propagate_set_commands') as propagated_settings,
    pg_catalog.current_setting('server_version_num')::integer / 10000 as server_version,
    coalesce(
        pg_catalog.has_schema_privilege(
            pg_catalog.to_regrole('oadb_user')::oid, 'oadb', 'usage'
        ),
        false
    ) as has_separate_roles,
    exists(
        select 1
        from pg_catalog.pg_roles as roles
        where
            roles.rolcanlogin
            and roles.rolbypassrls
            and not roles.rolsuper
            and pg_catalog.pg_has_role(
                roles.oid, pg_catalog.to_regrole('oadb_log')::oid, 'member'
            )
    ) as has_log_writer;

-- name: _list_nodes
select
    nodes.nodename || ':' || nodes.nodeport as name,
    nodes.groupid = 0 as is_coordinator,
    nodes.isactive as is_active,
    nodes.shouldhaveshards as takes_shards
from pg_catalog.pg_dist_node as nodes
where nodes.noderole = 'primary'
order by
    nodes.groupid,
    name;

-- name: _list_answers
-- The versions of PostgreSQL and Citus of each worker and the locale of its messages, or its error.
select
    answers.nodename || ':' || answers.nodeport as node,
    answers.success as is_answered,
    case
        when answers.success
            then pg_catalog.regexp_replace(answers.result, ' [^ ]*$', '')
        else answers.result
    end as answer,
    case
        when answers.success
            then pg_catalog.regexp_replace(answers.result, '^.* ', '')
        else ''
    end as messages
from
    pg_catalog.run_command_on_workers(
        'select pg_catalog.current_setting(''server_version_num'')::integer / 10000 '
        '|| '' '' || extversion || '' '' || pg_catalog.current_setting(''lc_messages'') '
        'from pg_catalog.pg_extension where extname = ''citus'''
    ) as answers
order by
    node;

-- name: _list_role_faults
-- Where the roles of the privileges, the owner of the schema and their members are not on the
-- workers as they are here. The coordinator connects to workers as the role that runs a statement.
with wanted as (
    select
        roles.oid as role_id,
        roles.rolname as role_name,
        roles.rolcanlogin as logs_in
    from pg_catalog.pg_roles as roles
    where
        roles.rolname = 'oadb_owner'
        or roles.rolname in (select role_privileges.role_name from oadb.role_privileges)
        or roles.oid in (
            select namespaces.nspowner
            from pg_catalog.pg_namespace as namespaces
            where namespaces.nspname = 'oadb'
        )
),

members as (
    select
        roles.oid as role_id,
        roles.rolname as role_name,
        granted.role_name as member_of
    from pg_catalog.pg_auth_members as memberships
    inner join pg_catalog.pg_roles as roles on memberships.member = roles.oid
    inner join wanted as granted on memberships.roleid = granted.role_id
    where
        roles.rolcanlogin
        or roles.oid in (select wanted.role_id from wanted)
),

told as (
    select
        answers.nodename || ':' || answers.nodeport as node,
        answers.result::jsonb as answer
    from
        pg_catalog.run_command_on_workers(
            'select pg_catalog.jsonb_build_object(''roles'', (select '
            'pg_catalog.jsonb_object_agg(rolname, rolcanlogin) from pg_catalog.pg_roles), '
            '''members'', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.pg_get_userbyid(member) '
            '|| '' '' || pg_catalog.pg_get_userbyid(roleid)), ''[]'') '
            'from pg_catalog.pg_auth_members))'
        ) as answers
    where answers.success
)

select
    told.node,
    wanted.role_name::text as role_name,
    case
        when not told.answer -> 'roles' ? wanted.role_name then 'is missing'
        else 'cannot log in'
    end as fault
from told
cross join wanted
where
    not told.answer -> 'roles' ? wanted.role_name
    or wanted.logs_in and not (told.answer -> 'roles' ->> wanted.role_name)::boolean
union all
select
    told.node,
    members.role_name::text,
    case
        when not told.answer -> 'roles' ? members.role_name then 'is missing'
        else 'is no member of ' || members.member_of
    end
from told
cross join members
where not told.answer -> 'members' ? (members.role_name || ' ' || members.member_of)
order by
    node,
    role_name,
    fault;

-- name: _list_closed_workers
-- Those that oadb_user cannot connect to: under an identity, the coordinator connects as this role.
select answers.nodename || ':' || answers.nodeport as node
from
    pg_catalog.run_command_on_workers(
        'select rolcanlogin::text from pg_catalog.pg_roles where rolname = ''oadb_user'''
    ) as answers
where
    answers.success
    and answers.result = 'false'
order by
    node;

-- name: _lacks_grants
-- Whether a role that writes a distributed table may not name a column that Citus fills.
select
    exists(
        select 1
        from oadb.role_privileges
        inner join pg_catalog.pg_dist_partition as tables
            on
                tables.logicalrelid
                = pg_catalog.to_regclass(
                    pg_catalog.format(
                        '%I.%I', role_privileges.schema_name, role_privileges.table_name
                    )
                )
        inner join pg_catalog.pg_attribute as attributes
            on tables.logicalrelid = attributes.attrelid
        inner join pg_catalog.pg_roles as roles on role_privileges.role_name = roles.rolname
        where
            tables.partmethod = 'h'
            and attributes.attidentity <> ''
            and role_privileges.privileges ~ '\minsert \('
            and not pg_catalog.has_column_privilege(
                roles.oid, attributes.attrelid, attributes.attnum, 'insert'
            )
    ) as lacks;

-- name: _list_missing_settings
-- Settings with which a role that writes logs keeps its connections to the workers, and uses one of
-- each for all shards there. What the role or the database has already is a choice.
select
    roles.rolname::text as role_name,
    wanted.setting_name,
    wanted.setting_value
from pg_catalog.pg_roles as roles
cross join (
    values
    ('citus.max_cached_conns_per_worker', '16'),
    ('citus.multi_shard_modify_mode', 'sequential')
) as wanted (setting_name, setting_value)
where
    roles.rolcanlogin
    and roles.rolbypassrls
    and not roles.rolsuper
    and pg_catalog.pg_has_role(roles.oid, pg_catalog.to_regrole('oadb_log')::oid, 'member')
    and not exists (
        select 1
        from pg_catalog.pg_db_role_setting as chosen
        cross join unnest(chosen.setconfig) as options (option)
        where
            chosen.setrole in (roles.oid, 0)
            and chosen.setdatabase in (
                0,
                (
                    select databases.oid
                    from pg_catalog.pg_database as databases
                    where databases.datname = pg_catalog.current_database()
                )
            )
            and pg_catalog.starts_with(options.option, wanted.setting_name || '=')
    )
order by
    role_name,
    wanted.setting_name;

-- name: _list_tables
-- Tables that Citus keeps, without partitions. Those of the coordinator that a foreign key connects
-- with a reference table are local: Citus keeps them, and they are where they were.
select
    namespaces.nspname || '.' || class.relname as name,
    case
        when tables.partmethod = 'h' then 'distributed'
        when tables.partmethod = 'n' and tables.repmodel = 't' then 'reference'
        when tables.partmethod = 'n' and tables.colocationid = 0 then 'coordinator'
        else 'other'
    end as placement,
    coalesce(
        pg_catalog.column_to_column_name(tables.logicalrelid, tables.partkey), ''
    ) as by,
    tables.colocationid as colocation_id,
    exists(
        select 1
        from pg_catalog.pg_partition_tree(class.oid) as parts
        where
            parts.isleaf
            and pg_catalog.pg_relation_size(parts.relid) > 0
            and tables.partmethod = 'h'
    ) as has_rows_here
from pg_catalog.pg_dist_partition as tables
inner join pg_catalog.pg_class as class on tables.logicalrelid = class.oid
inner join pg_catalog.pg_namespace as namespaces on class.relnamespace = namespaces.oid
where not class.relispartition
order by
    name;

-- name: _list_local_functions
-- Functions of some schemas that the workers do not have and need: immutable ones, with which
-- statements compute where the rows are, and those of policies.
select
    pg_catalog.format(
        '%I.%I(%s)',
        namespaces.nspname,
        functions.proname,
        pg_catalog.oidvectortypes(functions.proargtypes)
    ) as name
from pg_catalog.pg_proc as functions
inner join pg_catalog.pg_namespace as namespaces on functions.pronamespace = namespaces.oid
where
    namespaces.nspname = any(:schemas)
    and functions.prokind = 'f'
    and (
        functions.provolatile = 'i'
        or exists (
            select 1
            from pg_catalog.pg_depend as uses
            where
                uses.classid = 'pg_catalog.pg_policy'::regclass
                and uses.refclassid = 'pg_catalog.pg_proc'::regclass
                and uses.refobjid = functions.oid
        )
    )
    and not exists (
        select 1
        from pg_catalog.pg_dist_object as objects
        where
            objects.classid = 'pg_catalog.pg_proc'::regclass
            and objects.objid = functions.oid
    )
order by
    name;
