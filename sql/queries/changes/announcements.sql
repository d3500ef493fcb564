-- Changes: what other processes may have cached. Bound in oadb/changes/announcements.py.

-- name: notify
-- repeatable: a listener drops the same entry twice
-- Reaches the listeners when the transaction commits. A statement of its own: on
-- a distributed table it would run on a worker, where nobody listens.
select count(*) as notified
from pg_catalog.pg_notify(:channel, :payload);
