-- Checkpoints since the counters were reset, which PostgreSQL 17 moved to another view. Bound in
-- oadb/tools/activity/checkpoint_counters.py.

-- name: _find_in_bgwriter
-- On PostgreSQL 15 and 16.
select
    stats.checkpoints_timed as timed,
    stats.checkpoints_req as requested,
    pg_catalog.clock_timestamp()
    - coalesce(stats.stats_reset, pg_catalog.pg_postmaster_start_time()) as counted
from pg_catalog.pg_stat_bgwriter as stats;

-- name: _find_in_checkpointer
-- From PostgreSQL 17 on.
select
    stats.num_timed as timed,
    stats.num_requested as requested,
    pg_catalog.clock_timestamp()
    - coalesce(stats.stats_reset, pg_catalog.pg_postmaster_start_time()) as counted
from pg_catalog.pg_stat_checkpointer as stats;
