-- What pg_stat_statements has counted. Bound in oadb/tools/activity/statement_counters.py.

-- name: _look_in
-- Has the rest of the transaction find pg_stat_statements, which may be in any schema.
select
    pg_catalog.set_config(
        'search_path', pg_catalog.quote_ident(:schema_name::text), true
    ) as search_path;

-- name: _list_entries
-- One of each statement, role and database: those that clients sent, not those inside of functions.
-- The label stands behind the first word; that of a statement that is only explained is none.
select
    concat_ws('.', stats.userid, stats.dbid, stats.queryid) as key,
    case
        when stats.query !~* '^\s*explain'
            then substring(stats.query from '/\* ([a-z_][a-z0-9_]*\.[^*]+) \*/')
    end as label,
    stats.queryid is null as is_hidden,
    stats.calls,
    stats.total_exec_time + stats.total_plan_time as total_ms,
    stats.rows,
    stats.shared_blks_hit as hits,
    stats.shared_blks_read as reads,
    stats.temp_blks_written as temporary_blocks,
    stats.wal_bytes::bigint as wal_bytes
from pg_stat_statements as stats
where stats.toplevel;

-- name: _get_history
-- Since when it counts, how often it has dropped rare entries, for how many it has room; the role.
select
    info.stats_reset as reset_at,
    info.dealloc as evictions,
    pg_catalog.current_setting('pg_stat_statements.max')::bigint as capacity,
    pg_catalog.clock_timestamp() as taken_at,
    current_user::text as role_name
from pg_stat_statements_info as info;
