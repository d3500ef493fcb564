-- What the server has counted, and what it takes on the disk. Bound in
-- oadb/tools/activity/counter_findings.py.

-- name: _find_counters
-- Of this database, since they were reset or, if never, since the server began.
select
    stats.blks_hit as hits,
    stats.blks_read as reads,
    stats.temp_files as temporary_files,
    stats.temp_bytes as temporary_bytes,
    stats.deadlocks,
    pg_catalog.clock_timestamp()
    - coalesce(stats.stats_reset, pg_catalog.pg_postmaster_start_time()) as counted
from pg_catalog.pg_stat_database as stats
where stats.datname = pg_catalog.current_database();

-- name: _get_database_size
-- In bytes.
select pg_catalog.pg_database_size(pg_catalog.current_database()) as bytes;

-- name: _get_wal_size
-- In bytes, and the most that the settings mean it to be. For members of pg_monitor.
select
    coalesce(sum(file.size), 0)::bigint as used,
    greatest(
        pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')),
        pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_keep_size'))
    ) as meant
from pg_catalog.pg_ls_waldir() as file;
