-- Changes that became visible between two reads. Bound in oadb/changes/snapshots.py.

-- name: _read
-- scope: all users (a process follows the changes of all of them)
-- What the snapshot of the last read does not show and that of this one does: rows of transactions
-- that began after it, or were in progress. Nothing waits for a long transaction, and nothing is
-- lost if one commits late; a prepared one is in progress. After a crash the server may use xids
-- again that it had not written down, so rows that are younger than the last read count as well.
--
-- A standby does not list what is in progress: there, all since the oldest is read again. is_next
-- says whether the last read can be continued: null or false if there was none, if it was on
-- another server or before a restart, if it lies in the future, or so far back that what came after
-- it may be deleted. Served by changes_pkey and changes_changed_at_idx.
-- grows: with the changes since the last read, all of which are returned.
with here as (
    select
        pg_postmaster_start_time() as started_at,
        statement_timestamp() as read_at,
        pg_current_snapshot() as snapshot,
        cast(:last_snapshot as text)::pg_snapshot as before
),

fresh as (
    select
        changes.xid,
        changes.change_id,
        changes.table_name,
        changes.user_id,
        changes.key
    from oadb.changes
    where changes.xid >= pg_snapshot_xmax(cast(:last_snapshot as text)::pg_snapshot)
    union
    select
        changes.xid,
        changes.change_id,
        changes.table_name,
        changes.user_id,
        changes.key
    from oadb.changes
    where
        changes.xid = any(array(
            select in_progress.xid
            from pg_snapshot_xip(cast(:last_snapshot as text)::pg_snapshot) as in_progress (xid)
        ))
    union
    select
        changes.xid,
        changes.change_id,
        changes.table_name,
        changes.user_id,
        changes.key
    from oadb.changes
    where changes.changed_at >= :last_read_at
    order by
        xid,
        change_id
    limit :most
),

told as (
    select
        coalesce(array_agg(fresh.table_name order by fresh.xid, fresh.change_id), '{}') as tables,
        coalesce(array_agg(fresh.user_id order by fresh.xid, fresh.change_id), '{}') as user_ids,
        coalesce(array_agg(fresh.key order by fresh.xid, fresh.change_id), '{}') as keys
    from fresh
)

select
    case
        when pg_is_in_recovery()
            then concat(pg_snapshot_xmin(here.snapshot), ':', pg_snapshot_xmin(here.snapshot), ':')
        else here.snapshot::text
    end as snapshot,
    here.started_at,
    here.read_at,
    here.started_at = :last_started_at
    and :last_read_at <= here.read_at
    and :last_read_at > here.read_at - interval '30 minutes'
    and pg_snapshot_xmax(here.before) <= pg_snapshot_xmax(here.snapshot) as is_next,
    told.tables,
    told.user_ids,
    told.keys
from here
cross join told;
