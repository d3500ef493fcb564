-- What the catalog says of tables whose size is simulated. Bound in
-- oadb/tools/plans/planned_catalog.py.

-- name: _list_tables
-- Tables, partitioned ones, partitions and materialized views of some schemas. A table that is no
-- partition has no parent; a partitioned one has no file.
select
    class.oid::bigint as table_id,
    namespace.nspname::text as schema_name,
    class.relname::text as name,
    class.relkind = 'p' as is_partitioned,
    case when class.relispartition then pg_inherits.inhparent::bigint end as parent_id,
    pg_catalog.pg_get_expr(class.relpartbound, class.oid) as bound,
    coalesce(partitioned.partattrs[0]::integer, 0) as key_number,
    pg_catalog.pg_relation_filepath(class.oid) as file,
    coalesce(options.option_value::integer, 100) as fillfactor
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
left join pg_catalog.pg_inherits on class.oid = pg_inherits.inhrelid
left join pg_catalog.pg_partitioned_table as partitioned on class.oid = partitioned.partrelid
left join
    lateral pg_catalog.pg_options_to_table(class.reloptions) as options
    on options.option_name = 'fillfactor'
where
    namespace.nspname = any(:schemas)
    and class.relkind in ('r', 'p', 'm')
order by
    schema_name,
    name;

-- name: _list_columns
-- The columns of these tables. Partitions have those of their table. The width is negative for
-- values of any length; labels are those of an enum.
select
    class.oid::bigint as table_id,
    attribute.attnum::integer as number,
    attribute.attname::text as name,
    coalesce(base.typname, type.typname)::text as type_name,
    attribute.attlen::integer as width,
    attribute.attnotnull as is_not_null,
    attribute.attidentity <> '' as is_identity,
    coalesce(pg_catalog.pg_get_expr(attrdef.adbin, attrdef.adrelid), '')
    in ('now()', 'clock_timestamp()') as is_dated_by_default,
    coalesce(
        (
            select array_agg(pg_enum.enumlabel::text order by pg_enum.enumsortorder)
            from pg_catalog.pg_enum
            where pg_enum.enumtypid = coalesce(base.oid, type.oid)
        ),
        '{}'
    ) as labels
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
left join pg_catalog.pg_type as base on type.typbasetype = base.oid
left join pg_catalog.pg_attrdef as attrdef
    on
        class.oid = attrdef.adrelid
        and attribute.attnum = attrdef.adnum
where
    namespace.nspname = any(:schemas)
    and class.relkind in ('r', 'p', 'm')
    and not class.relispartition
    and attribute.attnum > 0
    and not attribute.attisdropped
order by
    table_id,
    number;

-- name: _list_rules
-- Check and foreign key constraints of one column each. For a check, the referenced table is 0.
select
    constraint_.conrelid::bigint as table_id,
    constraint_.conkey[1]::integer as number,
    constraint_.confrelid::bigint as referenced_id,
    pg_catalog.pg_get_constraintdef(constraint_.oid) as definition
from pg_catalog.pg_constraint as constraint_
inner join pg_catalog.pg_namespace as namespace on constraint_.connamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and constraint_.contype in ('c', 'f')
    and cardinality(constraint_.conkey) = 1
order by
    table_id,
    constraint_.conname;

-- name: _list_indexes
-- The indexes of these tables and of their partitions. A partitioned one has no file. An expression
-- has the number 0 among the keys.
select
    index.indexrelid::bigint as index_id,
    index.indrelid::bigint as table_id,
    namespace.nspname::text as schema_name,
    class.relname::text as name,
    parent.inhparent::bigint as parent_id,
    pg_am.amname::text as method,
    index.indisunique as is_unique,
    index.indnkeyatts::integer as keys,
    index.indkey::smallint[]::integer[] as numbers,
    pg_catalog.pg_get_expr(index.indpred, index.indrelid) as predicate,
    pg_catalog.pg_relation_filepath(class.oid) as file,
    coalesce(options.option_value::integer, 90) as fillfactor
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indexrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_am on class.relam = pg_am.oid
left join pg_catalog.pg_inherits as parent on class.oid = parent.inhrelid
left join
    lateral pg_catalog.pg_options_to_table(class.reloptions) as options
    on options.option_name = 'fillfactor'
where namespace.nspname = any(:schemas)
order by
    schema_name,
    name;

-- name: _list_expressions
-- The columns of indexes that are expressions, which have statistics of their own.
select
    index.indexrelid::bigint as index_id,
    attribute.attnum::integer as number,
    attribute.attname::text as name,
    type.typname::text as type_name,
    attribute.attlen::integer as width
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indexrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_attribute as attribute on index.indexrelid = attribute.attrelid
inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
where
    namespace.nspname = any(:schemas)
    and attribute.attnum <= index.indnkeyatts
    and index.indkey[attribute.attnum - 1] = 0
order by
    index_id,
    number;

-- name: _list_extended_statistics
-- What "create statistics" made on tables of these schemas, also in other schemas.
select
    namespace.nspname || '.' || extended.stxname as name,
    table_schema.nspname || '.' || class.relname as table_name,
    array(
        select
            case kind.letter
                when 'd' then 'ndistinct'
                when 'f' then 'dependencies'
                when 'm' then 'mcv'
                else 'expressions'
            end
        from unnest(extended.stxkind) with ordinality as kind (letter, place)
        order by kind.place
    ) as kinds
from pg_catalog.pg_statistic_ext as extended
inner join pg_catalog.pg_namespace as namespace on extended.stxnamespace = namespace.oid
inner join pg_catalog.pg_class as class on extended.stxrelid = class.oid
inner join pg_catalog.pg_namespace as table_schema on class.relnamespace = table_schema.oid
where table_schema.nspname = any(:schemas)
order by name;

-- name: has_logs
-- Whether the tables of logs are there, whose partitions oadb makes.
select pg_catalog.to_regclass('oadb.log_tables') is not null as has_logs;
