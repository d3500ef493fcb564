-- What the catalog says about columns, types, routines, sizes, locks and roles, for the review
-- book; foreign keys and triggers are in tools/plans/unseen_work. Bound in
-- oadb/tools/review/catalog_facts.py.

-- name: list_named_columns
-- Of tables and views, not of partitions, in the order of the table.
select
    class.oid::bigint as table_id,
    attribute.attnum::int as number,
    class.oid::regclass::text as table_name,
    attribute.attname::text as name,
    attribute.attnotnull as is_not_null
from pg_catalog.pg_class as class
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
where
    class.oid::bigint = any(:table_ids)
    and attribute.attnum > 0
    and not attribute.attisdropped
order by class.oid, attribute.attnum;

-- name: list_type_names
-- As SQL writes them, and as pg_type does.
select
    type.oid::bigint as type_id,
    pg_catalog.format_type(type.oid, null) as shown,
    type.typname::text as name
from pg_catalog.pg_type as type
where type.oid::bigint = any(:type_ids)
order by type.oid;

-- name: list_routine_texts
-- Functions and procedures, with the SQL that they run.
select
    routine.oid::regprocedure::text as signature,
    pg_catalog.format('%I.%I', namespace.nspname, routine.proname) as name,
    coalesce(pg_catalog.pg_get_function_sqlbody(routine.oid), routine.prosrc) as body
from pg_catalog.pg_proc as routine
inner join pg_catalog.pg_namespace as namespace on routine.pronamespace = namespace.oid
where
    namespace.nspname::text = any(:schemas::text[])
    and routine.prokind in ('f', 'p')
order by signature;

-- name: list_index_sizes
-- In bytes, all partitions together.
select
    pg_catalog.format('%I.%I', namespace.nspname, heap.relname) as table_name,
    index.relname::text as index_name,
    sum(pg_catalog.pg_relation_size(part.oid))::bigint as bytes
from pg_catalog.pg_class as part
inner join pg_catalog.pg_index as definition on part.oid = definition.indexrelid
inner join pg_catalog.pg_class as heap
    on heap.oid = coalesce(
        pg_catalog.pg_partition_root(definition.indrelid), definition.indrelid
    )
inner join pg_catalog.pg_class as index
    on index.oid = coalesce(pg_catalog.pg_partition_root(part.oid), part.oid)
inner join pg_catalog.pg_namespace as namespace on heap.relnamespace = namespace.oid
where
    part.relkind = 'i'
    and namespace.nspname::text = any(:schemas::text[])
group by namespace.nspname, heap.relname, index.relname
order by table_name, index_name;

-- name: list_held_locks
-- Those of a session on tables and views, strongest last. A partition has the name of its table.
select distinct
    coalesce(pg_catalog.pg_partition_root(class.oid), class.oid)::regclass::text as relation,
    locks.mode
from pg_catalog.pg_locks as locks
inner join pg_catalog.pg_class as class on locks.relation = class.oid
where
    locks.pid = :pid
    and locks.locktype = 'relation'
    and locks.database <> 0
    and class.relkind in ('r', 'p', 'v', 'm', 'f')
    and class.relnamespace <> 'pg_catalog'::regnamespace
order by relation, locks.mode;

-- name: list_allowed_roles
-- Of the server's own roles, without superusers: those with all of the privileges, each on a table
-- and one of its columns, and on functions. Of a privilege without a column (''), any column will
-- do. Nobody has a privilege on what is not there.
with relations as (
    select
        class.oid as table_id,
        class.relnamespace as schema_id,
        quote_ident(namespace.nspname) || '.' || quote_ident(class.relname) as table_name
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
),

needed as materialized (
    select
        need.privilege,
        relations.table_id,
        relations.schema_id,
        attribute.attnum as number
    from
        unnest(:tables::text[], :columns::text[], :privileges::text[])
            as need (table_name, column_name, privilege)
    left join relations
        on
            need.table_name = relations.table_name
            and need.privilege in ('select', 'insert', 'update', 'delete')
    left join pg_catalog.pg_attribute as attribute
        on
            relations.table_id = attribute.attrelid
            and need.column_name = attribute.attname
),

called as materialized (
    select function.oid as function_id
    from unnest(:functions::text[]) as named (signature)
    left join pg_catalog.pg_proc as function
        on named.signature = function.oid::regprocedure::text
)

select candidate.rolname::text as name
from pg_catalog.pg_roles as candidate
where
    not candidate.rolsuper
    and candidate.rolname !~ '^pg_'
    and not exists (
        select
        from needed
        where
            not coalesce(
                pg_catalog.has_schema_privilege(candidate.oid, needed.schema_id, 'usage')
                and case
                    when needed.number is not null
                        then pg_catalog.has_column_privilege(
                            candidate.oid, needed.table_id, needed.number, needed.privilege
                        )
                    when needed.privilege = 'delete'
                        then pg_catalog.has_table_privilege(
                            candidate.oid, needed.table_id, needed.privilege
                        )
                    else pg_catalog.has_any_column_privilege(
                        candidate.oid, needed.table_id, needed.privilege
                    )
                end,
                false
            )
    )
    and not exists (
        select
        from called
        where
            not coalesce(
                pg_catalog.has_function_privilege(
                    candidate.oid, called.function_id, 'execute'
                ),
                false
            )
    )
order by name;
