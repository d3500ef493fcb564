-- Indexes that are of no use, or larger than they need be. Bound in
-- oadb/tools/activity/index_findings.py.

-- name: _list_invalid_indexes
-- Those that no plan uses, and writes still pay for. One of a table that is locked as CREATE INDEX
-- CONCURRENTLY does is still being built.
select
    class.oid::regclass::text as name,
    case
        when class.relkind = 'I' then 'run oadb migrate, which builds it on each partition'
        when pg_index.indisprimary or pg_index.indisunique
            then 'reindex index concurrently ' || class.oid::regclass::text
        else
            'reindex index concurrently ' || class.oid::regclass::text
            || ', or drop index concurrently if a valid one does the same'
    end as mending
from pg_catalog.pg_index
inner join pg_catalog.pg_class as class on pg_index.indexrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = any(:schemas)
    and not (pg_index.indisvalid and pg_index.indisready and pg_index.indislive)
    and not exists (
        select
        from pg_catalog.pg_locks as locks
        where
            locks.relation = pg_index.indrelid
            and locks.mode = 'ShareUpdateExclusiveLock'
            and locks.granted
    )
order by name;

-- name: _list_index_sizes
-- The bytes of each B-tree, and what its rows need in pages that are filled to 90 % (7336 bytes),
-- by the width of its columns when they were analyzed; null where this role may not see that. Equal
-- keys are stored once, so that some need less.
with key as (
    select
        pg_index.indexrelid,
        coalesce(
            max(pg_stats.avg_width),
            max(pg_type.typlen) filter (where pg_type.typlen > 0)
        ) as width
    from pg_catalog.pg_index
    cross join lateral unnest(pg_index.indkey::int[]) with ordinality as part (number, place)
    inner join pg_catalog.pg_attribute as attribute
        on pg_index.indexrelid = attribute.attrelid and part.place = attribute.attnum
    inner join pg_catalog.pg_type on attribute.atttypid = pg_type.oid
    inner join pg_catalog.pg_class as owner
        on owner.oid = case part.number when 0 then pg_index.indexrelid else pg_index.indrelid end
    inner join pg_catalog.pg_namespace on owner.relnamespace = pg_namespace.oid
    left join pg_catalog.pg_attribute as original
        on pg_index.indrelid = original.attrelid and part.number = original.attnum
    left join pg_catalog.pg_stats
        on
            pg_namespace.nspname = pg_stats.schemaname
            and owner.relname = pg_stats.tablename
            and coalesce(original.attname, attribute.attname) = pg_stats.attname
    where pg_namespace.nspname = any(:schemas)
    group by
        pg_index.indexrelid,
        part.place
),

entry as (
    select
        indexrelid,
        -- A header of 8 bytes and a pointer of 4; the keys are filled up to 8.
        12 + 8 * ceil(sum(width) / 8.0) as width,
        bool_and(width is not null) as is_known
    from key
    group by indexrelid
)

select
    class.oid::regclass::text as name,
    pg_catalog.pg_relation_size(class.oid) as used,
    case
        when entry.is_known and class.reltuples >= 0
            then
                8192 * (1 + ceil(class.reltuples * entry.width::double precision / 7336))::bigint
    end as needed,
    'reindex index concurrently ' || class.oid::regclass::text as mending
from entry
inner join pg_catalog.pg_class as class on entry.indexrelid = class.oid
inner join pg_catalog.pg_am on class.relam = pg_am.oid
where
    pg_am.amname = 'btree'
    and class.relkind = 'i'
order by name;
