-- Waits of callers during a rehearsal. Bound in oadb/tools/migrations/caller_load.py.

-- name: _list_waits
-- Sessions of this name that wait for a lock, behind one of another name, with the beginning of
-- their statements: since when, and how many seconds so far, by the server's own clock, however
-- busy the callers are.
select
    locks.pid,
    locks.waitstart as since,
    extract(epoch from pg_catalog.clock_timestamp() - locks.waitstart)::double precision as seconds,
    left(activity.query, 1000) as statement
from pg_catalog.pg_locks as locks
inner join pg_catalog.pg_stat_activity as activity on locks.pid = activity.pid
where
    not locks.granted
    and locks.waitstart is not null
    and activity.application_name = :name
    and exists (
        select
        from unnest(pg_catalog.pg_blocking_pids(locks.pid)) as blocking (pid)
        left join pg_catalog.pg_stat_activity as holder on blocking.pid = holder.pid
        where holder.application_name is distinct from :name
    )
order by locks.pid;
