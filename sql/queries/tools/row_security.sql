-- Row-level security of the tables of users. Bound in oadb/tools/row_security.py.

-- name: list_user_tables
-- Those that oadb.user_tables lists, and those with a column user_id that it should. Partitioned
-- tables are left out: these are logs, which belong to no user and are hidden from oadb_user.
-- A few rows for each table: it reads the catalog alone.
with identity (expression) as (
    -- As pg_get_expr writes it.
    values ('NULLIF(current_setting(''oadb.user_id''::text, true), ''''::text)')
),

found as (
    select
        user_tables.schema_name,
        user_tables.table_name,
        user_tables.user_column,
        true as is_listed
    from oadb.user_tables
    union all
    select
        namespace.nspname,
        class.relname,
        attribute.attname,
        false as is_listed
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
    where
        namespace.nspname in (select user_tables.schema_name from oadb.user_tables)
        and class.relkind = 'r'
        and not class.relispartition
        and attribute.attname = 'user_id'
        and not exists (
            select
            from oadb.user_tables
            where
                user_tables.schema_name = namespace.nspname
                and user_tables.table_name = class.relname
        )
),

tables as (
    select
        found.schema_name,
        found.table_name,
        found.is_listed,
        '(' || quote_ident(found.user_column)
        || ' = (' || identity.expression || ')::bigint)' as own_rows
    from found
    cross join identity
),

policies as (
    select
        policy.polrelid as table_id,
        policy.polname::text as name,
        policy.polpermissive as is_permissive,
        coalesce(pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '') as expression,
        pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) as write_check,
        bool_or(service.role_id = 0) as is_public,
        bool_or(
            service.role_id <> 0 and pg_catalog.pg_has_role(service.role_id, 'usage')
        ) as is_ours
    from pg_catalog.pg_policy as policy
    cross join lateral unnest(policy.polroles) as service (role_id)
    group by policy.oid
)

select
    tables.schema_name || '.' || tables.table_name as name,
    tables.is_listed,
    class.oid is not null as is_there,
    coalesce(class.relrowsecurity and class.relforcerowsecurity, false) as is_forced,
    coalesce(bool_or(policies.name = 'user_policy'), false) as has_user_policy,
    coalesce(
        array_agg(policies.name order by policies.name) filter (
            where
            policies.is_permissive
            and not (
                policies.name = 'user_policy'
                and policies.expression = tables.own_rows
                -- pg_get_expr sets each part of an expression in brackets.
                and (
                    coalesce(policies.write_check, tables.own_rows) = tables.own_rows
                    or starts_with(policies.write_check, '(' || tables.own_rows || ' AND ')
                )
            )
            and not (
                policies.name = 'service_policy'
                and not policies.is_public
                and policies.expression = '(' || identity.expression || ' IS NULL)'
                and coalesce(policies.write_check, policies.expression) = policies.expression
            )
        ),
        '{}'
    ) as wide_policies,
    coalesce(bool_or(policies.name = 'service_policy' and policies.is_ours), false) as is_open_to_us
from tables
cross join identity
left join pg_catalog.pg_namespace as namespace on tables.schema_name = namespace.nspname
left join pg_catalog.pg_class as class
    on namespace.oid = class.relnamespace and tables.table_name = class.relname
left join policies on class.oid = policies.table_id
group by
    tables.schema_name,
    tables.table_name,
    tables.is_listed,
    class.oid,
    class.relrowsecurity,
    class.relforcerowsecurity
order by
    tables.schema_name,
    tables.table_name;

-- name: list_unlisted_privileges
-- Tables and views that everybody may use, or that a role of oadb.role_privileges may use although
-- that lists nothing for it.
select
    namespace.nspname || '.' || class.relname as name,
    coalesce(grantee.rolname::text, 'public') as role_name,
    string_agg(lower(acl.privilege_type), ', ' order by acl.privilege_type) as privileges
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
cross join lateral pg_catalog.aclexplode(class.relacl) as acl
left join pg_catalog.pg_roles as grantee on acl.grantee = grantee.oid
where
    namespace.nspname in (select role_privileges.schema_name from oadb.role_privileges)
    and class.relkind in ('r', 'p', 'v', 'm')
    and acl.grantee <> class.relowner
    and not exists (
        select
        from oadb.role_privileges
        where
            role_privileges.schema_name = namespace.nspname
            and role_privileges.table_name = class.relname
            and role_privileges.role_name = grantee.rolname
    )
    -- Roles that a DBA made for people are his own.
    and (
        acl.grantee = 0
        or grantee.rolname in (select role_privileges.role_name from oadb.role_privileges)
    )
group by
    namespace.nspname,
    class.relname,
    grantee.rolname
order by
    name,
    role_name;
