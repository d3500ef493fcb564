-- Partitions of log tables, and rows about logs that expire. Bound in oadb/logs/partitions.py.

-- name: find_owner
-- The owner of the log tables, and whether the current role has its rights.
select
    current_user::text as role_name,
    pg_roles.rolname::text as owner_name,
    pg_catalog.pg_has_role(pg_roles.oid, 'usage') as is_ours
from pg_catalog.pg_class
inner join pg_catalog.pg_roles on pg_class.relowner = pg_roles.oid
where pg_class.oid = 'oadb.log_tables'::regclass;

-- name: claim_maintenance
-- Until the end of the transaction, even if the process dies; raises lock_not_available. LOCK
-- needs no snapshot, so that this transaction, which lasts long, keeps no row from VACUUM.
lock table oadb.claims in share update exclusive mode nowait;

-- name: list_tables
select table_name
from oadb.log_tables
order by table_name;

-- name: list_missing
-- Those that start within three days are due: normally there are more days ahead.
select
    table_name,
    partition_name,
    starts_at,
    starts_at < now() + interval '3 days' as is_due
from oadb.log_periods
where not is_made
order by
    table_name,
    starts_at;

-- name: list_strays
-- Rows of the default partitions, counted by the period they belong to; null if it
-- cannot have a partition. The earliest hundred of them.
-- scope: all users (upkeep counts rows by their time)
-- fan-out: rows of a time without a partition may be on any shard; maintenance asks.
with strays as (
    select
        'api_logs' as table_name,
        logged_at
    from oadb.api_logs_default
    union all
    select
        'analyzer_logs' as table_name,
        logged_at
    from oadb.analyzer_logs_default
    union all
    select
        'traffic' as table_name,
        logged_at
    from oadb.traffic_default
    union all
    select
        'latency' as table_name,
        logged_at
    from oadb.latency_default
    union all
    select
        'login_attempts' as table_name,
        attempted_at as logged_at
    from oadb.login_attempts_default
),

placed as (
    select
        log_tables.table_name,
        case
            when
                strays.logged_at >= '1970-01-01 00:00:00+00'
                and strays.logged_at < '9999-01-01 00:00:00+00'
                then date_trunc(log_tables.period, strays.logged_at, 'UTC')
        end as starts_at
    from oadb.log_tables
    inner join strays on log_tables.table_name = strays.table_name
)

select
    table_name,
    starts_at,
    count(*) as rows
from placed
group by
    table_name,
    starts_at
order by
    table_name,
    starts_at
limit 100;

-- name: list_expired
-- Partitions whose end is older than :age, the oldest first. The name of a partition
-- gives its start.
select pg_class.relname::text as partition_name
from oadb.log_tables
inner join pg_catalog.pg_inherits
    on pg_inherits.inhparent = pg_catalog.to_regclass('oadb.' || log_tables.table_name)
inner join pg_catalog.pg_class on pg_inherits.inhrelid = pg_class.oid
where
    log_tables.table_name = :table_name
    and (
        to_date(substring(pg_class.relname from '[0-9]+$'), log_tables.name_format)::timestamp
        + ('1 ' || log_tables.period)::interval
    ) at time zone 'UTC' <= now() - cast(:age as interval)
order by partition_name;

-- name: make
-- Makes the partition for :moment; returns how many rows it moved there from the
-- default partition. Raises DuplicateTable if it exists, LockNotAvailable if the
-- default partition stays in use for :patience.
call oadb.make_log_partition(:table_name, :moment, :patience, null);

-- name: drop
-- With its rows. Raises LockNotAvailable if the table or the partition stays in use
-- for :patience. Each attempt blocks readers for at most 20 ms.
call oadb.drop_log_partition(:table_name, :partition_name, :patience);

-- name: note_maintenance
update oadb.log_tables
set maintained_at = now();

-- name: find_last_maintenance
-- Migration 0016 set maintained_at to its start; it is recorded as applied later, by the
-- clock of the client. If that clock was behind the server's, has_run is true too early.
select
    min(log_tables.maintained_at) as maintained_at,
    min(log_tables.maintained_at) < now() - interval '2 days' as is_long_ago,
    not exists (
        select 1
        from oadb.applied_migrations
        where
            applied_migrations.migration_id = '0016_partition_logs'
            and applied_migrations.applied_at > min(log_tables.maintained_at)
    ) as has_run
from oadb.log_tables;

-- name: count_lost
-- Rows of the last day that a table refused, and that writers dropped. Served by
-- log_rejects_rejected_at_idx and log_drops_dropped_at_idx.
-- grows: with the rows that were lost in a day, which are none as a rule.
select
    (
        select count(*)
        from oadb.log_rejects
        where log_rejects.rejected_at > now() - interval '1 day'
    ) as rejected,
    (
        select coalesce(sum(log_drops.rows), 0)::bigint
        from oadb.log_drops
        where log_drops.dropped_at > now() - interval '1 day'
    ) as dropped;

-- name: delete_expired_batches
-- At most :batch of those stored more than a week ago: no writer retries them any
-- more. Batches of traffic and latency stay until they are rolled up. Served by
-- log_batches_stored_at_idx and log_batches_pkey.
delete from oadb.log_batches
where batch_id in (
    select old.batch_id
    from oadb.log_batches as old
    where
        old.stored_at < now() - interval '7 days'
        and (old.rolled_up_at is not null or old.table_name not in ('traffic', 'latency'))
    order by old.stored_at
    limit :batch
    for update skip locked
);

-- name: delete_expired_rejects
-- At most :batch of those older than 30 days. Served by log_rejects_rejected_at_idx and
-- log_rejects_pkey.
delete from oadb.log_rejects
where reject_id in (
    select old.reject_id
    from oadb.log_rejects as old
    where old.rejected_at < now() - interval '30 days'
    order by old.rejected_at
    limit :batch
    for update skip locked
);

-- name: delete_expired_drops
-- At most :batch of those older than 30 days. Served by log_drops_dropped_at_idx and
-- log_drops_pkey.
delete from oadb.log_drops
where drop_id in (
    select old.drop_id
    from oadb.log_drops as old
    where old.dropped_at < now() - interval '30 days'
    order by old.dropped_at
    limit :batch
    for update skip locked
);
