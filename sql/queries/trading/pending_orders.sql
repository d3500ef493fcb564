-- Pending orders: orders that wait for approval. Bound in oadb/trading/pending_orders.py.
-- Every change of state is one statement that names the state it leaves, so that it happens
-- once, however many callers try at once.

-- name: _create
-- May violate pending_orders_user_id_fkey and the checks.
insert into oadb.pending_orders (
    user_id,
    api_type,
    order_data
)
values (
    :user_id,
    :api_type,
    :order_data
)
returning
    user_id,
    pending_order_id,
    api_type,
    order_data,
    status,
    created_at,
    decided_at,
    decided_by,
    reason,
    answered_at,
    broker_order_id,
    broker_status;

-- name: get
-- No row if the user has no such order. Served by pending_orders_pkey.
select
    user_id,
    pending_order_id,
    api_type,
    order_data,
    status,
    created_at,
    decided_at,
    decided_by,
    reason,
    answered_at,
    broker_order_id,
    broker_status
from oadb.pending_orders
where
    user_id = :user_id
    and pending_order_id = :pending_order_id;

-- name: list_by_user
-- Newest first. Those in one state are served by pending_orders_status_idx, all by
-- pending_orders_pkey.
select
    user_id,
    pending_order_id,
    api_type,
    order_data,
    status,
    created_at,
    decided_at,
    decided_by,
    reason,
    answered_at,
    broker_order_id,
    broker_status
from oadb.pending_orders
where
    user_id = :user_id
    and status = :status                           --? status
    and pending_order_id < :last_pending_order_id  --? cursor
order by pending_order_id desc
limit :limit;

-- name: count_by_status
-- No row for a state without orders. Served by pending_orders_status_idx.
select
    status,
    count(*) as orders
from oadb.pending_orders
where user_id = :user_id
group by status
order by status;

-- name: _approve
-- By the owner, who is named as the one who decided. Served by pending_orders_status_idx.
update oadb.pending_orders
set
    status = 'approved',
    decided_at = now(),
    decided_by = user_id
where
    user_id = :user_id
    and pending_order_id = :pending_order_id
    and status = 'pending';

-- name: _reject
-- :by null: the platform; refused under an identity. Writes nothing if there is no user :by. Served
-- by pending_orders_status_idx and users_pkey.
update oadb.pending_orders
set
    status = 'rejected',
    decided_at = now(),
    decided_by = :by,
    reason = :reason
where
    user_id = :user_id
    and pending_order_id = :pending_order_id
    and status = 'pending'
    and (
        :by::bigint is null
        or exists (
            select 1 from oadb.users
            where users.user_id = :by
            for key share
        )
    );

-- name: _record_outcome
-- An outcome does not replace an earlier one. Served by pending_orders_status_idx.
update oadb.pending_orders
set
    status = :outcome,
    answered_at = now(),
    broker_order_id = :broker_order_id,
    broker_status = :broker_status,
    reason = :reason
where
    user_id = :user_id
    and pending_order_id = :pending_order_id
    and status = 'approved';

-- name: delete_old
-- lock timeout: 200 ms
-- scope: all users (retention)
-- Deletes at most :batch orders created :older_than ago, in any state; one sweep at a time, as in
-- sessions.sql. Served by claims_pkey, pending_orders_created_at_idx and pending_orders_pkey.
with old as materialized (
    select
        pending_orders.user_id,
        pending_orders.pending_order_id
    from oadb.pending_orders
    where pending_orders.created_at < now() - cast(:older_than as interval)
    order by pending_orders.created_at
    limit :batch
),

claim as materialized (
    select claims.subject
    from oadb.claims
    where
        claims.subject = 'pending_orders'
        and exists (select 1 from old)
    for update skip locked
)

delete from oadb.pending_orders
using old
where
    pending_orders.user_id = old.user_id
    and pending_orders.pending_order_id = old.pending_order_id
    and exists (select 1 from claim);

-- name: _delete
-- Not while it is pending, or approved and on its way to the broker. Served by pending_orders_pkey.
delete from oadb.pending_orders
where
    user_id = :user_id
    and pending_order_id = :pending_order_id
    and status not in ('pending', 'approved');
