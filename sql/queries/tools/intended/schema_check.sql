-- What a schema is compared on. Bound in oadb/tools/intended/schema_check.py.

-- name: _find_owner
-- The owner of most of some schemas, as SQL names it; no row if none is there.
with namespace as (
    select
        oid,
        nspowner
    from pg_catalog.pg_namespace
    where nspname = any(:names)
)

select (mode() within group (order by owned.owner_id))::regrole::text as owner
from namespace
cross join
    lateral (
        select namespace.nspowner as owner_id
        union all
        select class.relowner
        from pg_catalog.pg_class as class
        where
            class.relnamespace = namespace.oid
            and class.relkind in ('r', 'p', 'v', 'm')
        union all
        select routine.proowner
        from pg_catalog.pg_proc as routine
        where routine.pronamespace = namespace.oid
    ) as owned
having count(*) > 0;

-- name: _list_installed
-- The names of the extensions of this database, as SQL writes them.
select quote_ident(extname) as name
from pg_catalog.pg_extension
order by name;
