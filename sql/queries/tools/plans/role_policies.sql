-- Role policies: which policies of row-level security bind roles. Bound in
-- oadb/tools/plans/role_policies.py.

-- name: _list_policies
-- The policies of each table that has row-level security, for each role that it binds; none of
-- these is an empty text, which shows no row. Reads the catalog alone.
select
    bound.rolname::text as role_name,
    namespace.nspname || '.' || class.relname as table_name,
    coalesce(
        (
            select string_agg(policy.polname::text, ',' order by policy.polname)
            from pg_catalog.pg_policy as policy
            where
                policy.polrelid = class.oid
                and exists (
                    select
                    from unnest(policy.polroles) as let_in (role_id)
                    where
                        let_in.role_id = 0
                        or pg_catalog.pg_has_role(bound.oid, let_in.role_id, 'usage')
                )
        ),
        ''
    ) as policies
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_roles as bound
    on
        bound.rolname = any(:roles)
        and not bound.rolsuper
        and not bound.rolbypassrls
        and (
            class.relforcerowsecurity
            or not pg_catalog.pg_has_role(bound.oid, class.relowner, 'usage')
        )
where class.relrowsecurity
order by role_name, table_name;
