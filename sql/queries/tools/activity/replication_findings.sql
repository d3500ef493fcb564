-- What follows this server, and what it keeps for them. Bound in
-- oadb/tools/activity/replication_findings.py.

-- name: _list_standbys
-- Who receives the WAL, how far behind it is, and for how many transactions it keeps rows from
-- VACUUM (hot_standby_feedback). Seen by members of pg_monitor.
select
    coalesce(nullif(replication.application_name, ''), 'server process ' || replication.pid)
        as name,
    replication.state,
    pg_catalog.pg_wal_lsn_diff(
        case
            when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn()
            else pg_catalog.pg_current_wal_lsn()
        end,
        replication.replay_lsn
    )::bigint as behind,
    replication.replay_lag as delay,
    pg_catalog.age(replication.backend_xmin)::bigint as held
from pg_catalog.pg_stat_replication as replication
where replication.state is not null
order by
    name,
    replication.pid;

-- name: _list_slots
-- What each slot keeps: bytes of WAL, and rows of how many transactions.
select
    slots.slot_name::text as name,
    slots.active as is_active,
    slots.wal_status = 'lost' as is_lost,
    pg_catalog.pg_wal_lsn_diff(
        case
            when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn()
            else pg_catalog.pg_current_wal_lsn()
        end,
        slots.restart_lsn
    )::bigint as kept,
    greatest(pg_catalog.age(slots.xmin), pg_catalog.age(slots.catalog_xmin))::bigint as held,
    'select pg_drop_replication_slot(' || quote_literal(slots.slot_name) || ')' as mending
from pg_catalog.pg_replication_slots as slots
order by name;

-- name: _find_archiving
-- Whether WAL is archived, and since when it was not.
select
    pg_catalog.current_setting('archive_mode') <> 'off' as is_on,
    archiver.last_failed_wal,
    case
        when archiver.last_failed_time > coalesce(archiver.last_archived_time, '-infinity')
            then archiver.last_failed_time
    end as failed_at,
    archiver.last_archived_time as archived_at
from pg_catalog.pg_stat_archiver as archiver;
