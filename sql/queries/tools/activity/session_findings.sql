-- What sessions do to each other. Bound in oadb/tools/activity/session_findings.py.

-- name: find_sight
-- The role of this session, and whether PostgreSQL shows it what others do.
select
    current_user::text as role_name,
    pg_catalog.pg_has_role('pg_monitor', 'usage') as sees_all;

-- name: _find_connections
-- How many connections there are, how many there may be for roles that are no superusers, and whose
-- the most are. Of other roles a session does not show what it is for.
select
    count(*) as used,
    pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int
    - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) as most,
    mode() within group (order by usename)::text as busiest
from pg_catalog.pg_stat_activity
where
    datid is not null
    and coalesce(backend_type, 'client backend') = 'client backend';

-- name: _list_long_transactions
-- Transactions of this database in which somebody works, the oldest first. Of other roles they are
-- seen by members of pg_read_all_stats.
select
    activity.pid,
    coalesce(activity.application_name, '') as application_name,
    substring(activity.query from '/\* ([a-z_][^*]{0,200}) \*/') as label,
    activity.xact_start as begun_at,
    'select pg_cancel_backend(' || activity.pid || ')' as mending
from pg_catalog.pg_stat_activity as activity
where
    activity.datname = pg_catalog.current_database()
    and activity.backend_type = 'client backend'
    and activity.state not like 'idle in transaction%'
    and activity.pid <> pg_catalog.pg_backend_pid()
    and activity.xact_start < pg_catalog.clock_timestamp() - :older_than::interval
order by
    activity.xact_start,
    activity.pid;

-- name: _list_lock_waits
-- Who waits for whom in this database, the longest wait first. A prepared transaction blocks as
-- process 0.
select
    waiting.pid,
    coalesce(activity.application_name, '') as application_name,
    substring(activity.query from '/\* ([a-z_][^*]{0,200}) \*/') as label,
    pg_catalog.clock_timestamp() - waiting.waitstart as waited,
    waiting.mode,
    waiting.relation::regclass::text as table_name,
    blocker.pid as blocker_pid,
    coalesce(holder.application_name, '') as blocker_name,
    holder.state as blocker_state,
    case
        when blocker.pid <> 0 then 'select pg_terminate_backend(' || blocker.pid || ')'
        else 'select gid from pg_prepared_xacts, then rollback prepared'
    end as mending
from pg_catalog.pg_locks as waiting
inner join pg_catalog.pg_stat_activity as activity on waiting.pid = activity.pid
cross join lateral unnest(pg_catalog.pg_blocking_pids(waiting.pid)) as blocker (pid)
left join pg_catalog.pg_stat_activity as holder on blocker.pid = holder.pid
where
    activity.datname = pg_catalog.current_database()
    and not waiting.granted
    and waiting.waitstart < pg_catalog.clock_timestamp() - :longer_than::interval
order by
    waiting.waitstart,
    waiting.pid,
    blocker.pid;
