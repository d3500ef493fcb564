-- What a session does, as another one sees it. Bound in oadb/tools/session_watch.py.

-- name: get_process_id
-- The server's own id of this session; a pooler in between gives clients another one.
select pg_catalog.pg_backend_pid() as pid;

-- name: _find_session
-- The state is null for a session of another role.
select
    pg_stat_activity.state,
    pg_stat_activity.wait_event_type,
    pg_stat_activity.wait_event,
    pg_catalog.pg_blocking_pids(pg_stat_activity.pid) as blockers
from pg_catalog.pg_stat_activity
where pg_stat_activity.pid = :pid;
