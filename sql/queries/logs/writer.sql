-- Log writers: records of batches, of rejected rows and of dropped rows. Bound in
-- oadb/logs/writer.py. All statements need only the privilege to insert.

-- name: _claim_batch
-- Starts the transaction of a batch. Returns the time that its rows are dated by, and whether
-- row-level security binds this role, which may not COPY then; no row if the batch is already
-- stored. Waits for an uncommitted claim of the same batch (lock_timeout). :rows includes the
-- rows that end up in log_rejects.
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
returning
    now() as claimed_at,
    row_security_active('oadb.' || :table_name) as is_walled;

-- name: _record_batch
-- The same claim, of a batch that no transaction has claimed before, in the burst that stores it.
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
);

-- name: _park
-- Rows that the table refused, each with its reason.
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
values (
    :writer,
    :table_name,
    :rows
);

-- name: _check_at_once
-- Until the transaction ends, deferred constraints are checked by each statement.
set constraints all immediate;
