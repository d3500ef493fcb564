-- Row-level security of tables. Bound in oadb/tools/row_security.py.

-- name: list_walls
-- The tables of oadb and those that oadb.user_tables lists, with partitions, and those with a
-- column user_id that it should list. A policy is wide if it shows more than the wanted one of its
-- name, or to more roles. It reads the catalog alone, a few rows for each table.
with identity (expression) as (
    -- As pg_get_expr writes it.
    values ('NULLIF(current_setting(''oadb.user_id''::text, true), ''''::text)')
),

wanted as (
    select
        wanted_policies.table_id,
        wanted_policies.policy_name,
        wanted_policies.role_ids,
        wanted_policies.is_made,
        case wanted_policies.shows
            when 'own'
                then
                    '(' || quote_ident(wanted_policies.user_column)
                    || ' = (' || identity.expression || ')::bigint)'
            when 'without identity' then '(' || identity.expression || ' IS NULL)'
            when 'or refuse'
                then
                    'CASE WHEN (' || identity.expression
                    || ' IS NULL) THEN true ELSE oadb.refuse_identity() END'
            else 'true'
        end as expression
    from oadb.wanted_policies
    cross join identity
),

found as (
    select distinct
        wanted_policies.schema_name,
        wanted_policies.table_name,
        true as is_listed
    from oadb.wanted_policies
    union
    select
        user_tables.schema_name,
        user_tables.table_name,
        true as is_listed
    from oadb.user_tables
    union
    select
        namespace.nspname,
        class.relname,
        false as is_listed
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
    where
        namespace.nspname in (select user_tables.schema_name from oadb.user_tables)
        and class.relkind in ('r', 'p')
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

policies as (
    select
        policy.polrelid as table_id,
        policy.polname as policy_name,
        policy.polroles as role_ids,
        policy.polpermissive as is_permissive,
        btrim(
            regexp_replace(
                pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '\s+', ' ', 'g'
            )
        ) as expression,
        pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) as write_check,
        exists(
            select
            from unnest(policy.polroles) as listed (role_id)
            where
                listed.role_id <> 0
                and pg_catalog.pg_has_role(listed.role_id, 'usage')
        ) as is_ours
    from pg_catalog.pg_policy as policy
)

select
    found.schema_name || '.' || found.table_name as name,
    bool_and(found.is_listed) as is_listed,
    class.oid is not null as is_there,
    coalesce(class.relrowsecurity and class.relforcerowsecurity, false) as is_forced,
    array(
        select wanted.policy_name
        from wanted
        where
            wanted.table_id = class.oid
            and not wanted.is_made
        order by wanted.policy_name
    ) as missing_policies,
    array(
        select policies.policy_name::text
        from policies
        where
            policies.table_id = class.oid
            and policies.is_permissive
            and bool_and(found.is_listed)
            and not exists (
                select
                from wanted
                where
                    wanted.table_id = policies.table_id
                    and wanted.policy_name = policies.policy_name
                    and policies.role_ids <@ wanted.role_ids
                    and coalesce(policies.expression, wanted.expression) = wanted.expression
                    -- pg_get_expr sets each part of an expression in brackets.
                    and (
                        coalesce(policies.write_check, wanted.expression) = wanted.expression
                        or starts_with(policies.write_check, '(' || wanted.expression || ' AND ')
                    )
            )
        order by policies.policy_name
    ) as wide_policies,
    exists(
        select
        from policies
        where
            policies.table_id = class.oid
            and policies.policy_name in ('service_policy', 'owner_policy')
            and policies.is_ours
    ) as is_open_to_us
from found
left join pg_catalog.pg_namespace as namespace on found.schema_name = namespace.nspname
left join pg_catalog.pg_class as class
    on namespace.oid = class.relnamespace and found.table_name = class.relname
group by
    found.schema_name,
    found.table_name,
    class.oid,
    class.relrowsecurity,
    class.relforcerowsecurity
order by
    found.schema_name,
    found.table_name;

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
