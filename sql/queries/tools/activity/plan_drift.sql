-- Tables that are large enough for their plans to be compared. Bound in
-- oadb/tools/activity/plan_drift.py.

-- name: _list_large_tables
-- Those of the tables named, as schema.name, that have at least :least rows by their statistics; a
-- partitioned one has those of its partitions.
select named.name
from unnest(:names::text[]) as named (name)
inner join pg_catalog.pg_class as class on pg_catalog.to_regclass(named.name) = class.oid
left join lateral pg_catalog.pg_partition_tree(class.oid) as part on part.isleaf
left join pg_catalog.pg_class as leaf on part.relid = leaf.oid
group by
    named.name,
    class.reltuples
having
    coalesce(sum(leaf.reltuples) filter (where leaf.reltuples > 0), class.reltuples)
    >= :least::bigint
order by named.name;
