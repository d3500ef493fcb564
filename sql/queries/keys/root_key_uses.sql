-- Root keys that rows need. Bound in oadb/keys/root_key_uses.py.

-- name: _list_key_ids
-- primary: whether a key can be taken out of the ring
select key_id
from oadb.key_canaries
order by key_id;

-- name: _count_uses
-- scope: all users (key rotation)
-- primary: whether a key can be taken out of the ring
-- The number of rows of each table that need a key: counts up to 1,000,000 of each, which it
-- finds by the index of the key. Served by users_password_key_id_idx, sessions_key_id_idx,
-- api_keys_key_id_idx, broker_tokens_key_id_idx, second_factors_key_id_idx,
-- smtp_settings_key_id_idx and strategies_key_id_idx.
with counted as materialized (
    select
        'users' as table_name,
        (
            select count(*)
            from (
                select users.password_key_id
                from oadb.users
                where users.password_key_id = :key_id
                order by users.password_key_id
                limit 1000000
            ) as those
        ) as uses
    union all
    select
        'sessions' as table_name,
        (
            select count(*)
            from (
                select sessions.key_id
                from oadb.sessions
                where sessions.key_id = :key_id
                order by sessions.key_id
                limit 1000000
            ) as those
        ) as uses
    union all
    select
        'api_keys' as table_name,
        (
            select count(*)
            from (
                select api_keys.key_id
                from oadb.api_keys
                where api_keys.key_id = :key_id
                order by api_keys.key_id
                limit 1000000
            ) as those
        ) as uses
    union all
    select
        'broker_tokens' as table_name,
        (
            select count(*)
            from (
                select broker_tokens.key_id
                from oadb.broker_tokens
                where broker_tokens.key_id = :key_id
                order by broker_tokens.key_id
                limit 1000000
            ) as those
        ) as uses
    union all
    select
        'second_factors' as table_name,
        (
            select count(*)
            from (
                select second_factors.key_id
                from oadb.second_factors
                where second_factors.key_id = :key_id
                order by second_factors.key_id
                limit 1000000
            ) as those
        ) as uses
    union all
    select
        'smtp_settings' as table_name,
        (
            select count(*)
            from (
                select smtp_settings.key_id
                from oadb.smtp_settings
                where smtp_settings.key_id = :key_id
                order by smtp_settings.key_id
                limit 1000000
            ) as those
        ) as uses
    union all
    select
        'strategies' as table_name,
        (
            select count(*)
            from (
                select strategies.key_id
                from oadb.strategies
                where strategies.key_id = :key_id
                order by strategies.key_id
                limit 1000000
            ) as those
        ) as uses
)

select
    counted.table_name,
    cast(:key_id as bigint) as key_id,
    counted.uses
from counted
where counted.uses > 0
order by counted.table_name;
