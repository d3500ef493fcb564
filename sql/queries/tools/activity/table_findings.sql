-- Tables that are far larger than their rows. Bound in oadb/tools/activity/table_findings.py.

-- name: _list_table_sizes
-- The bytes of each table of at least :least when it was last vacuumed or analyzed, without what is
-- stored beside it (TOAST), and what its rows need then in pages that are filled as far as the
-- table says: a pointer of 4 bytes, a header of 23, a bit for each column, and the columns as wide
-- as they were analyzed. Where a column may begin behind one that ends anywhere, all that its
-- alignment can cost is counted, so that no table is told to be emptier than it is. Null where this
-- role may not see the widths.
with large as (
    select
        class.oid as table_id,
        class.relname,
        class.reltuples,
        namespace.nspname,
        8192 * class.relpages::bigint as used,
        coalesce(
            (
                select option.option_value::double precision
                from pg_catalog.pg_options_to_table(class.reloptions) as option
                where option.option_name = 'fillfactor'
            ),
            100
        ) as filled
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    where
        namespace.nspname = any(:schemas)
        and class.relkind = 'r'
        and 8192 * class.relpages::bigint >= :least::bigint
),

part as (
    select
        large.table_id,
        pg_stats.avg_width * (1 - pg_stats.null_frac) as width,
        case attribute.attalign when 'd' then 8 when 'i' then 4 when 's' then 2 else 1 end
            as aligned,
        case
            when lag(attribute.attlen) over before_it > 0
                then
                    case lag(attribute.attalign) over before_it
                        when 'd' then 8
                        when 'i' then 4
                        when 's' then 2
                        else 1
                    end
            else 1
        end as ends_at
    from large
    inner join pg_catalog.pg_attribute as attribute on large.table_id = attribute.attrelid
    left join pg_catalog.pg_stats
        on
            large.nspname = pg_stats.schemaname
            and large.relname = pg_stats.tablename
            and attribute.attname = pg_stats.attname
    where
        attribute.attnum > 0
        and not attribute.attisdropped
    window before_it as (
        partition by large.table_id
        order by attribute.attnum
    )
),

entry as (
    select
        table_id,
        4 + 8 * ceil((23 + count(*) / 8.0) / 8)
        + 8 * ceil(sum(width + greatest(aligned - ends_at, 0)) / 8.0) as width,
        bool_and(width is not null) as is_known
    from part
    group by table_id
)

select
    large.table_id::regclass::text as name,
    large.used,
    case
        when entry.is_known and large.reltuples >= 0
            then
                8192
                * ceil(
                    large.reltuples * entry.width::double precision / (81.68 * large.filled)
                )::bigint
    end as needed,
    'vacuum (full) ' || large.table_id::regclass::text as mending
from entry
inner join large on entry.table_id = large.table_id
order by name;
