-- Who holds the locks that readers wait for. Bound in oadb/tools/lock_holders.py.

-- name: _list_lock_holders
-- Sessions that keep readers out of a table of this database, and the tables of each.
select
    locks.pid,
    activity.application_name,
    array_agg(locks.relation::regclass::text order by locks.relation::regclass::text) as tables
from pg_catalog.pg_locks as locks
inner join pg_catalog.pg_database as own on locks.database = own.oid
inner join pg_catalog.pg_class as class on locks.relation = class.oid
left join pg_catalog.pg_stat_activity as activity on locks.pid = activity.pid
where
    own.datname = pg_catalog.current_database()
    and locks.locktype = 'relation'
    and locks.granted
    and locks.mode = 'AccessExclusiveLock'
    and locks.pid <> pg_catalog.pg_backend_pid()
    and class.relkind in ('r', 'p', 'v', 'm')
group by
    locks.pid,
    activity.application_name
order by locks.pid;
