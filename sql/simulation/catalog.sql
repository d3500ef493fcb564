-- The size of the catalog of a database that only plans: that of its rows, and as much again,
-- because statistics are written into it. How many old rows it has depends on what else the server
-- did meanwhile, and on the day; so would the plans of what reads it. Run by
-- oadb/tools/plans/catalog_sizes.py.

-- name: compact
-- Leaves out old rows, if no other session may still see them.
vacuum (full)
pg_catalog.pg_attrdef,
pg_catalog.pg_constraint,
pg_catalog.pg_description,
pg_catalog.pg_index,
pg_catalog.pg_inherits,
pg_catalog.pg_namespace,
pg_catalog.pg_policy,
pg_catalog.pg_proc,
pg_catalog.pg_rewrite,
pg_catalog.pg_statistic,
pg_catalog.pg_trigger,
pg_catalog.pg_type,
pg_catalog.pg_depend,
pg_catalog.pg_attribute,
pg_catalog.pg_class;

-- name: size
-- Writes how many rows and pages tables of the catalog and their indexes have; returns the files,
-- and the pages that these are to have.
with counted as (
    select
        'pg_catalog.pg_attrdef'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_attrdef)), 0) as bytes
    from pg_catalog.pg_attrdef
    union all
    select
        'pg_catalog.pg_attribute'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_attribute)), 0) as bytes
    from pg_catalog.pg_attribute
    union all
    select
        'pg_catalog.pg_class'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_class)), 0) as bytes
    from pg_catalog.pg_class
    union all
    select
        'pg_catalog.pg_constraint'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_constraint)), 0) as bytes
    from pg_catalog.pg_constraint
    union all
    select
        'pg_catalog.pg_depend'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_depend)), 0) as bytes
    from pg_catalog.pg_depend
    union all
    select
        'pg_catalog.pg_description'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_description)), 0) as bytes
    from pg_catalog.pg_description
    union all
    select
        'pg_catalog.pg_index'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_index)), 0) as bytes
    from pg_catalog.pg_index
    union all
    select
        'pg_catalog.pg_inherits'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_inherits)), 0) as bytes
    from pg_catalog.pg_inherits
    union all
    select
        'pg_catalog.pg_namespace'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_namespace)), 0) as bytes
    from pg_catalog.pg_namespace
    union all
    select
        'pg_catalog.pg_policy'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_policy)), 0) as bytes
    from pg_catalog.pg_policy
    union all
    select
        'pg_catalog.pg_proc'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_proc)), 0) as bytes
    from pg_catalog.pg_proc
    union all
    select
        'pg_catalog.pg_rewrite'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_rewrite)), 0) as bytes
    from pg_catalog.pg_rewrite
    union all
    select
        'pg_catalog.pg_statistic'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_statistic)), 0) as bytes
    from pg_catalog.pg_statistic
    union all
    select
        'pg_catalog.pg_trigger'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_trigger)), 0) as bytes
    from pg_catalog.pg_trigger
    union all
    select
        'pg_catalog.pg_type'::regclass as table_id,
        count(*) as rows,
        coalesce(sum(pg_catalog.pg_column_size(pg_type)), 0) as bytes
    from pg_catalog.pg_type
),

keys as (
    select
        index.indexrelid as index_id,
        index.indrelid as table_id,
        -- As much as the rows of an index take, and most names.
        sum(
            case
                when attribute.atttypid = 'pg_catalog.name'::regtype or attribute.attlen < 0 then 40
                else attribute.attlen
            end
        ) + 20 as width
    from pg_catalog.pg_index as index
    inner join pg_catalog.pg_attribute as attribute on index.indexrelid = attribute.attrelid
    group by index.indexrelid, index.indrelid
),

sized as (
    select
        counted.table_id::oid as relation_id,
        counted.rows,
        counted.bytes + counted.rows * 8 as bytes
    from counted
    union all
    select
        keys.index_id,
        counted.rows,
        counted.rows * keys.width
    from keys
    inner join counted on keys.table_id = counted.table_id
),

paged as (
    select
        sized.relation_id,
        sized.rows,
        4 + ceil(sized.bytes * 2.5 / 8192)::integer as pages
    from sized
)

select
    pg_catalog.pg_relation_filepath(class.oid) as file,
    paged.pages,
    pg_catalog.pg_restore_relation_stats(
        'schemaname', 'pg_catalog',
        'relname', class.relname::text,
        'relpages', paged.pages,
        'reltuples', paged.rows::real,
        'relallvisible', 0
    ) as is_restored
from paged
inner join pg_catalog.pg_class as class on paged.relation_id = class.oid
order by class.relname;
