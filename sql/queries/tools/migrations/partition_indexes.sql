-- Indexes of partitioned tables that are not on every partition yet. Bound in
-- oadb/tools/migrations/partition_indexes.py.

-- name: _list_lacking
-- The partitions of the packages' schemas, which have their names, that lack their part of an
-- index that a migration created on the table alone; with the statements that make and attach it.
-- What a build that failed left behind has the name of the part, and is dropped first. Behind
-- " USING " pg_get_indexdef says what the index is of; no name has that in it.
with schema as (
    select
        oid,
        nspname
    from pg_catalog.pg_namespace
    where nspname = any(:schemas)
),

lacking as (
    select
        parent.indisunique,
        pg_catalog.pg_get_indexdef(parent.indexrelid) as definition,
        schema.oid as schema_id,
        schema.nspname,
        class.relname as index_name,
        partition.oid as partition_id,
        partition.relname as partition_name,
        case
            when pg_catalog.starts_with(class.relname, partitioned.relname)
                then
                    partition.relname
                    || pg_catalog.substr(
                        class.relname, pg_catalog.length(partitioned.relname::text) + 1
                    )
            else partition.relname || '_' || class.relname
        end as part_name
    from pg_catalog.pg_index as parent
    inner join pg_catalog.pg_class as class on parent.indexrelid = class.oid
    inner join schema on class.relnamespace = schema.oid
    inner join pg_catalog.pg_class as partitioned on parent.indrelid = partitioned.oid
    inner join pg_catalog.pg_inherits as inheritance on partitioned.oid = inheritance.inhparent
    inner join pg_catalog.pg_class as partition on inheritance.inhrelid = partition.oid
    where
        class.relkind = 'I'
        and not parent.indisvalid
        and not exists (
            select 1
            from pg_catalog.pg_inherits as attached
            inner join pg_catalog.pg_index as part on attached.inhrelid = part.indexrelid
            where
                attached.inhparent = parent.indexrelid
                and part.indrelid = partition.oid
        )
)

select
    pg_catalog.format('%I.%I', lacking.nspname, lacking.index_name) as index_name,
    pg_catalog.format('%I.%I', lacking.nspname, lacking.partition_name) as partition_name,
    case
        when not made.indisvalid
            then
                pg_catalog.format(
                    'drop index concurrently %I.%I', lacking.nspname, lacking.part_name
                )
    end as drop_failed,
    case
        when made.indisvalid is null or not made.indisvalid
            then
                pg_catalog.format(
                    'create %sindex concurrently %I on %I.%I%s',
                    case when lacking.indisunique then 'unique ' else '' end,
                    lacking.part_name,
                    lacking.nspname,
                    lacking.partition_name,
                    pg_catalog.substr(
                        lacking.definition, pg_catalog.strpos(lacking.definition, ' USING ')
                    )
                )
    end as create_part,
    pg_catalog.format(
        'alter index %I.%I attach partition %I.%I',
        lacking.nspname,
        lacking.index_name,
        lacking.nspname,
        lacking.part_name
    ) as attach_part
from lacking
left join pg_catalog.pg_class as part
    on
        lacking.part_name = part.relname
        and lacking.schema_id = part.relnamespace
left join pg_catalog.pg_index as made
    on
        part.oid = made.indexrelid
        and lacking.partition_id = made.indrelid
order by
    index_name,
    partition_name;
