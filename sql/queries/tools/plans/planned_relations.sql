-- Planned relations: what plans name. Bound in oadb/tools/plans/planned_relations.py.

-- name: _list_partitions
-- The partitions of tables and of their indexes, also partitions of partitions, each with what is
-- partitioned. Reads the catalog alone.
select
    case
        when part.relkind in ('r', 'p', 'f') then part_schema.nspname || '.' || part.relname
        else part.relname::text
    end as name,
    case
        when part.relkind in ('r', 'p', 'f') then whole_schema.nspname || '.' || whole.relname
        else whole.relname::text
    end as owner_name
from pg_catalog.pg_class as part
inner join pg_catalog.pg_namespace as part_schema on part.relnamespace = part_schema.oid
inner join pg_catalog.pg_class as whole
    on whole.oid = pg_catalog.pg_partition_root(part.oid::regclass)
inner join pg_catalog.pg_namespace as whole_schema on whole.relnamespace = whole_schema.oid
where part.relispartition
order by name, owner_name;

-- name: _list_tables
-- The tables of all schemas but the server's, with their rows as statistics say; 0 where they say
-- nothing. Of a partition, owner_name is the table that is partitioned.
select
    namespace.nspname || '.' || class.relname as name,
    whole_schema.nspname || '.' || whole.relname as owner_name,
    greatest(class.reltuples, 0)::float8 as rows
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
left join pg_catalog.pg_class as whole
    on
        class.relispartition
        and whole.oid = pg_catalog.pg_partition_root(class.oid::regclass)
left join pg_catalog.pg_namespace as whole_schema on whole.relnamespace = whole_schema.oid
where
    class.relkind in ('r', 'm')
    and namespace.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by name;

-- name: _list_keys
-- Of indexes by name, the table and the columns of the key; an expression is an empty text.
select
    index_class.relname::text as name,
    namespace.nspname || '.' || class.relname as table_name,
    array(
        select coalesce(pg_attribute.attname::text, '')
        from unnest(pg_index.indkey::int2[]) with ordinality as key (number, position)
        left join pg_catalog.pg_attribute
            on
                pg_index.indrelid = pg_attribute.attrelid
                and key.number = pg_attribute.attnum
                and key.number > 0
        where key.position <= pg_index.indnkeyatts
        order by key.position
    ) as columns
from pg_catalog.pg_index
inner join pg_catalog.pg_class as index_class on pg_index.indexrelid = index_class.oid
inner join pg_catalog.pg_class as class on pg_index.indrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where index_class.relname::text = any(:names)
order by table_name, name;
