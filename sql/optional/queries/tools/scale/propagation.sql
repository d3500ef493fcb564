-- What Citus sends on of changes of the schema. Bound in oadb/tools/scale/propagation.py.

-- name: _has_tables
-- Whether it keeps any table.
select count(*) > 0 as has
from pg_catalog.pg_dist_partition;

-- name: _keep_here
-- Has the session change the schema of this node alone.
select pg_catalog.set_config('citus.enable_ddl_propagation', 'off', false) as propagation;
