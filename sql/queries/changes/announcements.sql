-- Announcements of changed rows. Bound in oadb/changes/announcements.py.

-- name: _record
-- Becomes visible with the change, when the transaction of both commits.
insert into oadb.changes (
    table_name,
    user_id,
    key
)
values (
    :table,
    :user_id,
    :key
);

-- name: _note
-- scope: all users (a sweep)
-- Begins the last hour of at most :batch changes that it is the first to see: one that is old may
-- have been committed a moment ago. Served by changes_changed_at_idx.
-- grows: with the changes of the last hour; older ones are swept.
update oadb.changes
set expires_at = now() + interval '1 hour'
where (xid, change_id) in (
    select
        seen.xid,
        seen.change_id
    from oadb.changes as seen
    where seen.expires_at is null
    order by seen.changed_at
    limit :batch
);

-- name: _delete_expired
-- scope: all users (a sweep)
-- Served by changes_changed_at_idx and changes_pkey.
-- grows: with the changes of the last hour; older ones are swept.
delete from oadb.changes
where (xid, change_id) in (
    select
        old.xid,
        old.change_id
    from oadb.changes as old
    where old.expires_at <= now()
    order by old.changed_at
    limit :batch
);
