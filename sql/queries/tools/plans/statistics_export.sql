-- What a live database knows of its tables: counts, shares and widths, and values only of columns
-- that were named. No table is read. Bound in oadb/tools/plans/statistics_export.py.

-- name: _list_sizes
-- Rows and pages of tables and indexes, as they were last analyzed; rows are -1 if never.
select
    class.oid::bigint as relation_id,
    class.reltuples::float8 as rows,
    class.relpages::bigint as pages,
    class.relallvisible::bigint as visible_pages
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and class.relkind in ('r', 'i', 'm')
order by relation_id;

-- name: _list_columns
-- What is known of columns, and of expressions of indexes, without their values. PostgreSQL leaves
-- out columns that the role may not read, and tables whose row-level security binds it.
select
    (schemaname || '.' || tablename)::text as relation_name,
    attname::text as name,
    null_frac::float8 as nulls,
    avg_width as width,
    n_distinct::float8 as distinct_values,
    correlation::float8 as correlation,
    -- The last number is the mean of how many different items arrays have.
    elem_count_histogram[array_upper(elem_count_histogram, 1)]::float8 as items
from pg_catalog.pg_stats
where
    schemaname = any(:schemas)
    and not inherited
order by
    relation_name,
    name;

-- name: _list_values
-- The most common values and the histograms of columns that were named, with the schema and the
-- table in front of each name.
select
    (schemaname || '.' || tablename)::text as relation_name,
    attname::text as name,
    coalesce(most_common_vals::text::text[], '{}') as common,
    coalesce(most_common_freqs::float8[], '{}') as frequencies,
    coalesce(histogram_bounds::text::text[], '{}') as bounds
from pg_catalog.pg_stats
where
    (schemaname || '.' || tablename || '.' || attname)::text = any(:columns)
    and not inherited
order by
    relation_name,
    name;
