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
-- The bytes of each B-tree, GiST and hash index of at least :least when it was last vacuumed or
-- analyzed, and what its entries need: in a B-tree in pages that are filled to 90 % (7336 bytes),
-- in GiST to a half (4076), which splits may leave, and in a hash index to 75 % of buckets of which
-- a quarter is made ahead (4891). By the width of columns when they were analyzed; null where this
-- role may not see that. Equal keys of a B-tree are stored once, so that some need less.
with large as (
    select
        pg_index.indexrelid,
        pg_index.indrelid,
        pg_index.indkey,
        class.relname,
        class.reltuples,
        namespace.nspname,
        8192 * class.relpages::bigint as used,
        case pg_am.amname
            when 'btree' then 7336
            when 'gist' then 4076
            else 4891
        end as filled,
        pg_am.amname = 'hash' as is_hash
    from pg_catalog.pg_index
    inner join pg_catalog.pg_class as class on pg_index.indexrelid = class.oid
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    inner join pg_catalog.pg_am on class.relam = pg_am.oid
    where
        namespace.nspname = any(:schemas)
        and pg_am.amname in ('btree', 'gist', 'hash')
        and class.relkind = 'i'
        and 8192 * class.relpages::bigint >= :least::bigint
),

key as (
    select
        large.indexrelid,
        case
            -- Of any key, a hash of 4 bytes.
            when large.is_hash then 4
            else coalesce(
                max(pg_stats.avg_width),
                max(pg_type.typlen) filter (where pg_type.typlen > 0)
            )
        end as width
    from large
    inner join pg_catalog.pg_class as owner on large.indrelid = owner.oid
    cross join lateral unnest(large.indkey::int[]) with ordinality as part (number, place)
    inner join pg_catalog.pg_attribute as attribute
        on large.indexrelid = attribute.attrelid and part.place = attribute.attnum
    inner join pg_catalog.pg_type on attribute.atttypid = pg_type.oid
    left join pg_catalog.pg_attribute as original
        on large.indrelid = original.attrelid and part.number = original.attnum
    left join pg_catalog.pg_stats
        on
            large.nspname = pg_stats.schemaname
            and pg_stats.tablename
            = case part.number when 0 then large.relname else owner.relname end
            and pg_stats.attname = coalesce(original.attname, attribute.attname)
            -- An index may keep something else than the column: a box of a polygon.
            and (part.number = 0 or attribute.atttypid = original.atttypid)
    group by
        large.indexrelid,
        large.is_hash,
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
    large.indexrelid::regclass::text as name,
    large.used,
    case
        when entry.is_known and large.reltuples >= 0
            then
                8192
                * (1 + ceil(large.reltuples * entry.width::double precision / large.filled))::bigint
    end as needed,
    'reindex index concurrently ' || large.indexrelid::regclass::text as mending
from entry
inner join large on entry.indexrelid = large.indexrelid
order by name;
