-- How large tables are. Bound in oadb/tools/migrations/live_tables.py.

-- name: _list_sizes
-- With the rows that the planner would assume: as many in a page as when the table was analyzed
-- last. Without an analysis those that the statistics have counted since it was made; null if there
-- are pages, and neither knows. All partitions of a table together.
select
    pg_catalog.format('%I.%I', namespace.nspname, root.relname) as table_name,
    case
        when bool_or(part.rows is null) then null
        else sum(part.rows)::bigint
    end as rows,
    sum(part.bytes)::bigint as bytes,
    count(*)::integer as parts
from (
    select
        class.oid,
        pg_catalog.pg_relation_size(class.oid)
        + coalesce(pg_catalog.pg_relation_size(nullif(class.reltoastrelid, 0)), 0) as bytes,
        case
            when pg_catalog.pg_relation_size(class.oid) = 0 then 0
            when class.reltuples >= 0 and class.relpages > 0
                then
                    class.reltuples / class.relpages
                    * pg_catalog.pg_relation_size(class.oid)
                    / pg_catalog.current_setting('block_size')::integer
            else nullif(pg_catalog.pg_stat_get_live_tuples(class.oid), 0)
        end as rows
    from pg_catalog.pg_class as class
    where class.relkind in ('r', 'm')
) as part
inner join pg_catalog.pg_class as root
    on root.oid = coalesce(pg_catalog.pg_partition_root(part.oid), part.oid)
inner join pg_catalog.pg_namespace as namespace on root.relnamespace = namespace.oid
where
    root.relpersistence <> 't'
    and namespace.nspname <> 'information_schema'
    and not pg_catalog.starts_with(namespace.nspname, 'pg_')
group by
    namespace.nspname,
    root.relname
order by
    namespace.nspname,
    root.relname;
