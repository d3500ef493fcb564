-- Proof: the keys that the database knows. Bound in oadb/keys/proof.py.

-- name: list_canaries
-- primary: whether the keys fit
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
-- primary: whether a key can be taken out of the ring
-- The number of rows of each table that need each key: counts up to 1,000,000 of each, which it
-- finds by the index of the key. Served by users_password_key_id_idx, sessions_key_id_idx,
-- api_keys_key_id_idx, broker_tokens_key_id_idx, second_factors_key_id_idx,
-- smtp_settings_key_id_idx and strategies_key_id_idx.
-- grows: up to a million rows of each table, by which it ends; a rotation runs it.
with counted as materialized (
    select
        'users' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select users.password_key_id
                from oadb.users
                where users.password_key_id = key_canaries.key_id
                order by users.password_key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
    union all
    select
        'sessions' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select sessions.key_id
                from oadb.sessions
                where sessions.key_id = key_canaries.key_id
                order by sessions.key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
    union all
    select
        'api_keys' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select api_keys.key_id
                from oadb.api_keys
                where api_keys.key_id = key_canaries.key_id
                order by api_keys.key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
    union all
    select
        'broker_tokens' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select broker_tokens.key_id
                from oadb.broker_tokens
                where broker_tokens.key_id = key_canaries.key_id
                order by broker_tokens.key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
    union all
    select
        'second_factors' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select second_factors.key_id
                from oadb.second_factors
                where second_factors.key_id = key_canaries.key_id
                order by second_factors.key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
    union all
    select
        'smtp_settings' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select smtp_settings.key_id
                from oadb.smtp_settings
                where smtp_settings.key_id = key_canaries.key_id
                order by smtp_settings.key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
    union all
    select
        'strategies' as table_name,
        key_canaries.key_id,
        (
            select count(*)
            from (
                select strategies.key_id
                from oadb.strategies
                where strategies.key_id = key_canaries.key_id
                order by strategies.key_id
                limit 1000000
            ) as those
        ) as uses
    from oadb.key_canaries
)

select
    counted.table_name,
    counted.key_id,
    counted.uses
from counted
where counted.uses > 0
order by
    counted.table_name,
    counted.key_id;
