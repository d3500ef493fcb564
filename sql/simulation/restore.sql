-- Statistics of a database without rows. No query of a module, because oadb check would prepare it,
-- and PostgreSQL before 18 has not got these functions. Run by oadb/tools/plans/restoring.py.

-- name: relations
-- Writes how many rows and pages tables and indexes have; returns for how many that succeeded.
-- A parameter holds them as an array of JSON.
select
    count(*) filter (
        where pg_catalog.pg_restore_relation_stats(
            'schemaname', given.schema_name,
            'relname', given.name,
            'relpages', given.pages,
            'reltuples', given.rows,
            'relallvisible', given.visible_pages
        )
    ) as restored
from
    jsonb_to_recordset(cast(:relations as jsonb)) as given (
        schema_name text,
        name text,
        pages integer,
        rows real,
        visible_pages integer
    );

-- name: columns
-- Writes what ANALYZE would have found in columns, and in expressions of indexes; returns for how
-- many that succeeded. A parameter holds them as an array of JSON.
select
    count(*) filter (
        where pg_catalog.pg_restore_attribute_stats(
            'schemaname', given.schema_name,
            'relname', given.relation_name,
            'attname', given.name,
            'inherited', false,
            'null_frac', given.nulls,
            'avg_width', given.width,
            'n_distinct', given.distinct_values,
            'most_common_vals', given.common::text,
            'most_common_freqs', given.frequencies,
            'histogram_bounds', given.bounds::text,
            'correlation', given.correlation,
            'elem_count_histogram', given.item_counts
        )
    ) as restored
from
    jsonb_to_recordset(cast(:columns as jsonb)) as given (
        schema_name text,
        relation_name text,
        name text,
        nulls real,
        width integer,
        distinct_values real,
        common text[],
        frequencies real[],
        bounds text[],
        correlation real,
        item_counts real[]
    );
