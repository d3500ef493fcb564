-- Announcements of changed rows. Bound in oadb/changes/announcements.py.

-- name: notify
-- repeatable: a listener then drops the same entry twice, which is harmless
-- Reaches the listeners when the transaction commits. It is a statement of its own because, as
-- a part of one on a distributed table, it would run on a worker, where nobody listens.
select count(*) as notified
from pg_catalog.pg_notify(:channel, :payload);
