-- Tables of packages as a layout sees them. Bound in oadb/tools/scale/placed_tables.py.

-- name: _list_tables
-- Tables of some schemas, without partitions and the tables of yoyo. It reads the catalog alone, a
-- few rows for each table.
select
    namespace.nspname || '.' || class.relname as name,
    array(
        select attribute.attname::text
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = class.oid
            and attribute.attnum > 0
            and attribute.attnotnull
        order by attribute.attnum
    ) as required_columns,
    array(
        select trigger.tgname::text
        from pg_catalog.pg_trigger as trigger
        where
            trigger.tgrelid = class.oid
            and not trigger.tgisinternal
        order by trigger.tgname
    ) as triggers,
    array(
        select other_namespace.nspname || '.' || other.relname as other_name
        from pg_catalog.pg_constraint as reference
        inner join pg_catalog.pg_class as other on reference.confrelid = other.oid
        inner join pg_catalog.pg_namespace as other_namespace
            on other.relnamespace = other_namespace.oid
        where
            reference.conrelid = class.oid
            and reference.contype = 'f'
        group by other_name
        order by other_name
    ) as referred_tables
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and class.relkind in ('r', 'p')
    and not class.relispartition
    and class.relname !~ '^_?yoyo_'
order by
    name;

-- name: _list_uniques
-- Primary keys, unique constraints and unique indexes of those tables, with their columns.
select
    namespace.nspname || '.' || class.relname as table_name,
    index_class.relname::text as name,
    array(
        select attribute.attname::text
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = class.oid
            and attribute.attnum = any(index.indkey::smallint[])
        order by attribute.attnum
    ) as columns
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indrelid = class.oid
inner join pg_catalog.pg_class as index_class on index.indexrelid = index_class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and not class.relispartition
    and index.indisunique
order by
    table_name,
    name;
