-- Progress of imports, and rows that keep their original times. Bound in
-- oadb/importing/imports.py.

-- name: get_progress
select
    last_id,
    checksum,
    last_at,
    rows
from oadb.imports
where
    installation = :installation
    and table_name = :table_name;

-- name: is_begun
-- For any installation.
select exists(
    select 1 from oadb.imports
    where table_name = :table_name
) as is_begun;

-- name: list_changed_settings
-- The groups with a setting that was ever changed in oadb.
-- grows: with the changes of application settings, a few for each day.
select distinct group_name
from oadb.app_setting_changes
order by group_name;

-- name: _advance
-- Compare-and-swap, in the transaction that stores the rows. Changes nothing if another
-- run was faster; the caller must then roll back. Compares the checksum and not the id,
-- because ids start again when a table is cleared.
insert into oadb.imports as known (
    installation,
    table_name,
    last_id,
    checksum,
    last_at,
    rows
)
values (
    :installation,
    :table_name,
    :last_id,
    :checksum,
    :last_at,
    :stored
)
on conflict (installation, table_name) do update
    set
        last_id = excluded.last_id,
        checksum = excluded.checksum,
        last_at = greatest(known.last_at, excluded.last_at),
        rows = known.rows + excluded.rows,
        imported_at = now()
    where known.checksum = :known;

-- name: record_batch
-- So that statistics and rollups count the rows.
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
    :stored,
    :first_at,
    :last_at
);

-- name: _record_attempts
-- scope: all users (a name may belong to no user)
-- The arrays have one value per attempt; an empty text and the id 0 mean null. Served by
-- users_pkey.
insert into oadb.login_attempts (
    attempted_at,
    username,
    user_id,
    ip,
    device,
    broker,
    method,
    outcome,
    reason
)
select
    attempts.attempted_at,
    attempts.username,
    users.user_id,
    nullif(attempts.ip, '')::inet,
    nullif(attempts.device, ''),
    nullif(attempts.broker, ''),
    attempts.method,
    attempts.outcome,
    nullif(attempts.reason, '')
from
    unnest(
        :attempted_ats::timestamptz[],
        :usernames::text[],
        :user_ids::bigint[],
        :ips::text[],
        :devices::text[],
        :brokers::text[],
        :methods::text[],
        :outcomes::text[],
        :reasons::text[]
    ) as attempts (
        attempted_at,
        username,
        user_id,
        ip,
        device,
        broker,
        method,
        outcome,
        reason
    )
left join oadb.users on attempts.user_id = users.user_id;
