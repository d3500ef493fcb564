-- Records of migrations and locks of their runs. Bound in
-- oadb/tools/migrations/migration_history.py.
--
-- The tables of yoyo are named without a schema: yoyo finds them through
-- search_path, and these statements must find the same ones.

-- name: has_run_lock
select pg_catalog.to_regclass('oadb_migration_lock') is not null as has;

-- name: create_run_lock
-- Beside yoyo's tables, not one of them: migration 0001 may move those. It has no columns.
create table oadb_migration_lock ();

-- name: create_run_lock_in_public
-- For a role named oadb, in whose search_path schema oadb is the first: undoing 0001 drops that.
create table public.oadb_migration_lock ();

-- name: lock_runs
-- Until the end of the transaction. An advisory lock could be held by anybody who may connect;
-- this one needs a right to change the table. Not waited for, because a session that waits holds
-- a snapshot, for which "create index concurrently" of the holder would wait.
lock table oadb_migration_lock in share update exclusive mode nowait;

-- name: find_lock_holder
select
    activity.pid,
    activity.application_name,
    activity.backend_start as since
from pg_catalog.pg_locks as lock
inner join pg_catalog.pg_database as database on lock.database = database.oid
inner join pg_catalog.pg_stat_activity as activity on lock.pid = activity.pid
where
    lock.locktype = 'relation'
    and lock.granted
    and lock.mode = 'ShareUpdateExclusiveLock'
    and lock.relation = 'oadb_migration_lock'::regclass
    and database.datname = pg_catalog.current_database();

-- name: hold_yoyo_lock
-- Keeps the yoyo command out. It writes the id of a process on its host; a run of
-- oadb writes minus the id of its server process, so the two cannot be confused.
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
-- Requires the lock of lock_runs: a row of oadb is then this run's own or that of
-- a killed run.
delete from yoyo_lock
where pid < 0;

-- name: find_yoyo_lock
select
    pid,
    ctime at time zone 'UTC' as since
from yoyo_lock;

-- name: find_current_schema
-- Null if search_path leads to none that this role may use.
select pg_catalog.current_schema()::text as schema_name;

-- name: set_path
-- Until the end of the transaction.
select pg_catalog.set_config('search_path', :schema, true) as search_path;

-- name: list_histories
-- Every schema with a history of yoyo.
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
-- yoyo never stores a null id, though its table allows it.
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
-- The time is yoyo's, to the microsecond. A row with another time is stale: the
-- yoyo command rolled the migration back and may have applied it again.
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

-- name: list_logged
-- Of migrations of other packages than oadb: what record_in_log wrote. A migration whose
-- last entry has no such comment was applied by the yoyo command.
select
    coalesce(entries.migration_id, '') as migration_id,
    split_part(entries.comment, ' sha256:', 1) as package_name,
    decode(split_part(entries.comment, ' sha256:', 2), 'hex') as checksum
from (
    select distinct on (migration_id)
        migration_id,
        comment
    from _yoyo_log
    where
        operation in ('apply', 'mark')
        and migration_id is not null
    order by
        migration_id asc,
        created_at_utc desc,
        id desc
) as entries
where entries.comment ~ ' sha256:[0-9a-f]{64}$'
order by migration_id;

-- name: list_marked
-- The yoyo command marked them as applied, and did not run them: yoyo mark.
select coalesce(entries.migration_id, '') as migration_id
from (
    select distinct on (migration_id)
        migration_id,
        operation
    from _yoyo_log
    where migration_id is not null
    order by
        migration_id asc,
        created_at_utc desc,
        id desc
) as entries
where entries.operation = 'mark'
order by migration_id;

-- name: record_in_log
-- In yoyo's own log, so that a database without the schema oadb has a record as well.
update _yoyo_log
set comment = cast(:package_name as text) || ' sha256:' || encode(:checksum, 'hex')
where id = (
    select latest.id
    from _yoyo_log as latest
    where
        latest.migration_id = :migration_id
        and latest.operation in ('apply', 'mark')
    order by
        latest.created_at_utc desc,
        latest.id desc
    limit 1
);

-- name: list_invalid_indexes
-- In the schemas of packages, which have their names.
-- Left behind by a failed "create index concurrently"; indexes that are being
-- built right now look the same and are left out, and so are those on partitions that lack
-- their part of an index: partition_indexes drops them.
with namespace as (
    select
        oid,
        nspname
    from pg_catalog.pg_namespace
    where nspname = any(:schemas)
)

select pg_catalog.format('%I.%I', namespace.nspname, class.relname) as index_name
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indexrelid = class.oid
inner join namespace on class.relnamespace = namespace.oid
where
    class.relkind = 'i'
    and not index.indisvalid
    and not exists (
        select 1
        from pg_catalog.pg_stat_progress_create_index as progress
        where progress.index_relid = index.indexrelid
    )
    and not exists (
        select 1
        from pg_catalog.pg_inherits as inheritance
        inner join pg_catalog.pg_index as parent on inheritance.inhparent = parent.indrelid
        where
            inheritance.inhrelid = index.indrelid
            and not parent.indisvalid
    )
order by index_name;
