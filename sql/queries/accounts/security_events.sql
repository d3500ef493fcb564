-- Security events: the audit of what changes who may do what. Bound in
-- oadb/accounts/security_events.py. Triggers write it (migration 0034).

-- name: list_by_user
-- Newest first. Served by security_events_user_id_idx.
select
    event_id,
    happened_at,
    kind,
    user_id,
    acted_by as by,
    db_role,
    host(ip) as ip,
    detail
from oadb.security_events
where
    user_id = :user_id
    and happened_at >= :since                                          --? since
    and happened_at < :until                                           --? until
    and (happened_at, event_id) < (:last_happened_at, :last_event_id)  --? cursor
order by
    happened_at desc,
    event_id desc
limit :limit;

-- name: list_all
-- scope: all users (administration)
-- Newest first, or of a kind, for which all rows of the window are read. Served by
-- security_events_happened_at_idx.
-- grows: with the window, for a kind that is rare; an administrator gives :since.
select
    event_id,
    happened_at,
    kind,
    user_id,
    acted_by as by,
    db_role,
    host(ip) as ip,
    detail
from oadb.security_events
where
    true
    and kind = :kind                                                   --? kind
    and happened_at >= :since                                          --? since
    and happened_at < :until                                           --? until
    and (happened_at, event_id) < (:last_happened_at, :last_event_id)  --? cursor
order by
    happened_at desc,
    event_id desc
limit :limit;
