-- Proof: the keys that the database knows. Bound in oadb/keys/proof.py.

-- name: list_canaries
select
    key_id,
    canary
from oadb.key_canaries
order by key_id;

-- name: _lock_canaries
-- Until the end of the transaction, other sessions can neither enroll nor remove a key.
-- Reading, and the checks of foreign keys, do not wait.
lock table oadb.key_canaries in share row exclusive mode;

-- name: _enroll
-- repeatable: an existing canary is not replaced
insert into oadb.key_canaries (
    key_id,
    canary
)
values (
    :key_id,
    :canary
)
on conflict (key_id) do nothing;

-- name: _note_promotion
-- repeatable: a second run only writes a later time
update oadb.key_canaries
set promoted_at = clock_timestamp()
where key_id = :key_id;

-- name: _remove
-- Violates a foreign key, which names the table, while a row needs the key, so there is no
-- race between check and removal.
delete from oadb.key_canaries
where key_id = :key_id;

-- name: list_uses
-- scope: all users (key rotation)
-- The number of rows of each table that need each key, in one index-only scan per table.
select
    'users' as table_name,
    users.password_key_id as key_id,
    count(*) as uses
from oadb.users
where users.password_key_id is not null
group by users.password_key_id
union all
select
    'sessions' as table_name,
    sessions.key_id,
    count(*) as uses
from oadb.sessions
group by sessions.key_id
union all
select
    'api_keys' as table_name,
    api_keys.key_id,
    count(*) as uses
from oadb.api_keys
group by api_keys.key_id
union all
select
    'broker_tokens' as table_name,
    broker_tokens.key_id,
    count(*) as uses
from oadb.broker_tokens
where broker_tokens.key_id is not null
group by broker_tokens.key_id
union all
select
    'second_factors' as table_name,
    second_factors.key_id,
    count(*) as uses
from oadb.second_factors
group by second_factors.key_id
union all
select
    'smtp_settings' as table_name,
    smtp_settings.key_id,
    count(*) as uses
from oadb.smtp_settings
where smtp_settings.key_id is not null
group by smtp_settings.key_id
union all
select
    'strategies' as table_name,
    strategies.key_id,
    count(*) as uses
from oadb.strategies
group by strategies.key_id
order by
    table_name,
    key_id;
