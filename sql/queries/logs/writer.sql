-- The writer of logs: what is kept of its batches. Bound in oadb/logs/writer.py.
-- Each statement needs the privilege to insert alone.

-- name: _claim_batch
-- In front of the rows of a batch, in their transaction. Returns the time by which
-- the rows are dated; null: the batch is stored already. A claim that is not yet
-- committed is waited for (lock_timeout). :rows are those that were sent, with
-- those in log_rejects.
insert into oadb.log_batches (
    batch_id,
    table_name,
    rows,
    first_at,
    last_at
)
values (
    :batch_id,
    :table_name,
    :rows,
    now() - :oldest::interval,
    now() - :newest::interval
)
on conflict do nothing
returning now() as claimed_at;

-- name: _park
-- Rows that the table does not take, each with its reason.
insert into oadb.log_rejects (
    batch_id,
    table_name,
    reason,
    row_text
)
select
    :batch_id,
    :table_name,
    rejects.reason,
    rejects.row_text
from unnest(:reasons::text[], :row_texts::text[]) as rejects (reason, row_text);

-- name: _record_drops
insert into oadb.log_drops (
    writer,
    table_name,
    rows
)
select
    :writer,
    drops.table_name,
    drops.rows
from unnest(:table_names::text[], :rows::bigint[]) as drops (table_name, rows);
