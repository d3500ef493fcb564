-- Migrations: what was applied, and who is applying. Bound in oadb/tools/migrations/migration_history.py.
--
-- The tables of yoyo stand here without their schema: yoyo creates and finds them
-- through search_path, and we must find the same ones.

-- name: try_lock
-- Asked again and again instead of waited for: a session that waits holds a
-- snapshot, and "create index concurrently" of the holder would wait for it.
-- The number is the first eight bytes of the SHA-256 of "oadb migrations", signed.
select pg_catalog.pg_try_advisory_lock(-3180042231280844341) as locked;

-- name: find_lock_holder
-- Halves of the number in try_lock are in classid and objid.
select
    activity.pid,
    activity.application_name,
    activity.backend_start as since
from pg_catalog.pg_locks as lock
inner join pg_catalog.pg_database as database on lock.database = database.oid
inner join pg_catalog.pg_stat_activity as activity on lock.pid = activity.pid
where
    lock.locktype = 'advisory'
    and lock.granted
    and lock.objsubid = 1
    and (lock.classid::bigint << 32) | lock.objid::bigint = -3180042231280844341
    and database.datname = pg_catalog.current_database();

-- name: hold_yoyo_lock
-- Keeps the yoyo command out. The process of a yoyo command is one of its host;
-- ours is minus a process of the server, so that nobody takes one for the other.
insert into yoyo_lock (
    locked,
    ctime,
    pid
)
values (
    1,
    pg_catalog.clock_timestamp() at time zone 'UTC',
    -pg_catalog.pg_backend_pid()
)
on conflict (locked) do nothing
returning pid;

-- name: free_yoyo_lock
-- Called with the lock of try_lock held: every row of ours is this run's, or
-- that of a run that was killed.
delete from yoyo_lock
where pid < 0;

-- name: find_yoyo_lock
select
    pid,
    ctime at time zone 'UTC' as since
from yoyo_lock;

-- name: list_histories
-- Every schema in which yoyo keeps a history.
select
    namespace.nspname as schema_name,
    namespace.nspname = pg_catalog.current_schema() as is_current
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    class.relname = '_yoyo_migration'
    and class.relkind = 'r'
order by namespace.nspname;

-- name: list_applied
-- yoyo never leaves the id null, though its table would take it.
select
    coalesce(migration_id, '') as migration_id,
    applied_at_utc at time zone 'UTC' as applied_at
from _yoyo_migration
order by
    applied_at_utc,
    migration_id;

-- name: keeps_checksums
-- False before the first migration.
select pg_catalog.to_regclass('oadb.applied_migrations') is not null as kept;

-- name: list_checksums
select
    migration_id,
    checksum,
    applied_at
from oadb.applied_migrations
order by migration_id;

-- name: record_checksum
-- The time is yoyo's own, to the microsecond: a row with another time is of an
-- earlier life of the migration, which the yoyo command rolled back.
insert into oadb.applied_migrations as kept (
    migration_id,
    checksum,
    applied_at
)
select
    _yoyo_migration.migration_id,
    :checksum::bytea,
    _yoyo_migration.applied_at_utc at time zone 'UTC'
from _yoyo_migration
where _yoyo_migration.migration_id = :migration_id::text
on conflict on constraint applied_migrations_pkey do update
    set
        checksum = excluded.checksum,
        applied_at = excluded.applied_at;

-- name: forget_checksum
delete from oadb.applied_migrations
where migration_id = :migration_id::text;

-- name: list_invalid_indexes
-- Left behind when "create index concurrently" fails; one that is being built
-- right now looks the same.
select pg_catalog.format('%I.%I', namespace.nspname, class.relname) as index_name
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indexrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname = 'oadb'
    and class.relkind = 'i'
    and not index.indisvalid
    and not exists (
        select 1
        from pg_catalog.pg_stat_progress_create_index as progress
        where progress.index_relid = index.indexrelid
    )
order by index_name;
