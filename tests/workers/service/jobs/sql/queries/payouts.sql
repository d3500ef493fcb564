-- Payouts, and which tasks were done. Bound in jobs/payouts.py.

-- name: claim
-- A second delivery of the task waits here until the first one has committed or rolled back.
insert into jobs.claims (task_id)
values (:task_id)
on conflict (task_id) do nothing;

-- name: add
insert into jobs.payouts (order_id)
values (:order_id);

-- name: count_all
select count(*) as payouts
from jobs.payouts;

-- name: delete_old_claims
delete from jobs.claims
where claimed_at < now() - :older_than::interval;
