-- What the server's catalog says. Bound in oadb/tools/catalog.py.

-- name: describe_server
-- The connection limit excludes connections reserved for superusers.
select
    pg_catalog.current_setting('server_version_num')::int as version_number,
    pg_catalog.current_setting('server_version') as version,
    pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int as connection_limit,
    pg_catalog.pg_is_in_recovery() as is_standby,
    pg_catalog.clock_timestamp() as clock,
    current_user::text as role_name;

-- name: count_other_connections
-- Client sessions whose application_name is not this session's.
select count(*) as connections
from pg_catalog.pg_stat_activity
where
    backend_type = 'client backend'
    and application_name <> pg_catalog.current_setting('application_name');

-- name: list_extensions
-- The extensions of those named that the server could install.
select name::text as name
from pg_catalog.pg_available_extensions
where name::text = any(:names)
order by name;

-- name: list_settings
-- The settings of those named, each in its own unit.
select
    name,
    setting
from pg_catalog.pg_settings
where name = any(:names)
order by name;

-- name: list_path_schemas
-- The schemas in which this session finds unqualified names, and the roles but their owners and
-- superusers that may create in them.
select
    namespace.nspname::text as name,
    coalesce(
        array_agg(coalesce(grantee.rolname::text, 'public') order by grantee.rolname) filter (
            where
            acl.privilege_type = 'CREATE'
            and acl.grantee <> namespace.nspowner
            and not coalesce(grantee.rolsuper, false)
        ),
        '{}'
    ) as creators
from unnest(pg_catalog.current_schemas(false)) as path (schema_name)
inner join pg_catalog.pg_namespace as namespace on path.schema_name = namespace.nspname
cross join
    lateral pg_catalog.aclexplode(
        coalesce(namespace.nspacl, pg_catalog.acldefault('n', namespace.nspowner))
    ) as acl
left join pg_catalog.pg_roles as grantee on acl.grantee = grantee.oid
group by namespace.nspname
order by name;

-- name: list_types
-- Of a domain, the type behind it, also of a domain of domains.
with recursive behind (type_id, base_id) as (
    select
        oid as type_id,
        oid as base_id
    from pg_catalog.pg_type
    where oid::bigint = any(:type_ids)
    union all
    select
        behind.type_id,
        domain.typbasetype
    from behind
    inner join pg_catalog.pg_type as domain on behind.base_id = domain.oid
    where domain.typtype = 'd'
)

select
    behind.type_id::bigint as type_id,
    base.oid::bigint as base_id,
    base.typname::text as name,
    base.typtype::text as kind,
    base.typcategory = 'A' as is_array,
    coalesce(pg_range.rngsubtype, base.typelem)::bigint as item_id,
    base.typrelid::bigint as table_id
from behind
inner join pg_catalog.pg_type as base on behind.base_id = base.oid
left join pg_catalog.pg_range
    on base.oid in (pg_range.rngtypid, pg_range.rngmultitypid)
where base.typtype <> 'd'
order by behind.type_id;

-- name: list_labels
select enumlabel::text as label
from pg_catalog.pg_enum
where enumtypid::bigint = :type_id
order by enumsortorder;

-- name: list_attributes
select
    attname::text as name,
    atttypid::bigint as type_id
from pg_catalog.pg_attribute
where
    attrelid::bigint = :table_id
    and attnum > 0
    and not attisdropped
order by attnum;

-- name: list_not_null_columns
-- Numbers of the columns of a table that are NOT NULL, or whose domain is.
select pg_attribute.attnum::int as column_number
from pg_catalog.pg_attribute
inner join pg_catalog.pg_type on pg_attribute.atttypid = pg_type.oid
where
    pg_attribute.attrelid::bigint = :table_id
    and (pg_attribute.attnotnull or pg_type.typnotnull)
order by pg_attribute.attnum;

-- name: list_columns
-- The columns of a table, by its name as a statement writes it. A value can be stored in those that
-- are not generated.
select
    attname::text as name,
    atttypid::bigint as type_id,
    attnotnull as is_not_null,
    attgenerated = '' as is_writable
from pg_catalog.pg_attribute
where
    attrelid = pg_catalog.to_regclass(:table_name)
    and attnum > 0
    and not attisdropped
order by attnum;

-- name: list_volatile_functions
-- The names that belong to at least one volatile function, which may write or
-- return a different result each time.
select distinct proname::text as name
from pg_catalog.pg_proc
where
    proname::text = any(:names)
    and provolatile = 'v'
order by name;

-- name: find_table
-- With the definition of a view: PostgreSQL keeps no NOT NULL for its columns.
select
    oid::bigint as table_id,
    relkind = 'm' as is_materialized,
    case when relkind = 'v' then pg_catalog.pg_get_viewdef(oid) end as view_definition
from pg_catalog.pg_class
where oid::bigint = :table_id;

-- name: list_table_names
-- The names of a table and of its partitions, also those of partitions, as plans show them.
with recursive part (part_id) as (
    select :table_id::bigint::oid as part_id
    union all
    select pg_inherits.inhrelid as part_id
    from part
    inner join pg_catalog.pg_inherits on part.part_id = pg_inherits.inhparent
)

select pg_namespace.nspname || '.' || pg_class.relname as name
from part
inner join pg_catalog.pg_class on part.part_id = pg_class.oid
inner join pg_catalog.pg_namespace on pg_class.relnamespace = pg_namespace.oid
order by name;

-- name: list_roles
-- The roles of those named that exist. Roles belong to the server, so they may
-- exist for another database: is_let_in says whether they may use this schema.
select
    rolname::text as name,
    coalesce(
        pg_catalog.has_schema_privilege(oid, pg_catalog.to_regnamespace('oadb'), 'usage'), false
    ) as is_let_in
from pg_catalog.pg_roles
where rolname::text = any(:names)
order by name;

-- name: find_standing
-- The role of this connection, beside the owner of the schema; no row if the
-- schema does not exist. Row-level security does not bind an exempt role.
-- can_act_as_user tests what oadb.act_as needs; givers are the roles, but
-- superusers, that may grant it.
select
    own.rolname::text as role_name,
    owner.rolname::text as owner_name,
    own.rolsuper or own.rolbypassrls as is_exempt,
    coalesce(
        not (acting.rolsuper or acting.rolbypassrls)
        and pg_catalog.has_schema_privilege(acting.oid, namespace.oid, 'usage')
        and pg_catalog.pg_has_role(
            session_user,
            acting.oid,
            case
                when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'set'
                else 'member'
            end
        ),
        false
    ) as can_act_as_user,
    array(
        select giver.rolname::text
        from pg_catalog.pg_roles as giver
        where
            not giver.rolsuper
            and (
                exists (
                    select 1
                    from pg_catalog.pg_auth_members
                    where
                        pg_auth_members.roleid = acting.oid
                        and pg_auth_members.member = giver.oid
                        and pg_auth_members.admin_option
                )
                or (
                    giver.rolcreaterole
                    and pg_catalog.current_setting('server_version_num')::int < 160000
                )
            )
        order by giver.rolname
    ) as givers
from pg_catalog.pg_namespace as namespace
inner join pg_catalog.pg_roles as owner on namespace.nspowner = owner.oid
inner join pg_catalog.pg_roles as own on own.rolname = current_user
left join pg_catalog.pg_roles as acting on acting.rolname = 'oadb_user'
where namespace.nspname = 'oadb';
