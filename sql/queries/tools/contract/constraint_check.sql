-- What the catalog says of constraints, for the words of a package about them. Bound in
-- oadb/tools/contract/constraint_check.py.

-- name: _list_constraints
-- Constraints and unique indexes of tables, and checks of domains, of some schemas; partitions have
-- those of their table. A constraint that the server makes of a column that is not null is left
-- out: PostgreSQL has them from version 18, and errors name the column.
select
    namespace.nspname || '.' || class.relname as place,
    constraint_.conname::text as name,
    constraint_.contype = 'c' as is_check,
    array(
        select attribute.attname::text
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = class.oid
            and attribute.attnum > 0
        order by attribute.attnum
    ) as columns
from pg_catalog.pg_constraint as constraint_
inner join pg_catalog.pg_class as class on constraint_.conrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and not class.relispartition
    and constraint_.contype in ('c', 'p', 'u', 'x', 'f')
union all
select
    namespace.nspname || '.' || type.typname,
    constraint_.conname::text,
    true,
    pg_catalog.string_to_array('', ',')
from pg_catalog.pg_constraint as constraint_
inner join pg_catalog.pg_type as type on constraint_.contypid = type.oid
inner join pg_catalog.pg_namespace as namespace on type.typnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and constraint_.contype = 'c'
union all
select
    namespace.nspname || '.' || class.relname,
    index_class.relname::text,
    false,
    array(
        select attribute.attname::text
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = class.oid
            and attribute.attnum > 0
        order by attribute.attnum
    )
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indrelid = class.oid
inner join pg_catalog.pg_class as index_class on index.indexrelid = index_class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and not class.relispartition
    and index.indisunique
    and not exists (
        select
        from pg_catalog.pg_constraint as constraint_
        where
            constraint_.conindid = index.indexrelid
            and constraint_.contype in ('p', 'u', 'x')
    )
order by
    place,
    name;
