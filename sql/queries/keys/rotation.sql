-- Rotation of root keys. Bound in oadb/keys/rotation.py.

-- name: _list_under_key
-- scope: all users (key rotation)
-- primary: what is still to be sealed again
-- Rows of one table, served by the index of its key_id; the other parts are not run.
-- With ties: all rows that begin with the same number, so that the next batch can
-- begin behind it. An array has no null here: an empty value stands for it. Where nearly all rows
-- have the number, a primary key may be read instead: api_keys_pkey, broker_tokens_pkey,
-- second_factors_pkey, sessions_pkey, strategies_pkey; else smtp_settings_key_id_idx,
-- users_password_key_id_idx and those of the others.
-- grows: with the ties of one number, such as a user's rows; a rotation runs it.
select
    sealed_rows.first_id,
    sealed_rows.second_id,
    sealed_rows.sealed
from (
    select
        'users' as table_name,
        password_key_id as key_id,
        user_id as first_id,
        null::text as second_id,
        array[password_hash] as sealed
    from oadb.users
    union all
    select
        'sessions' as table_name,
        key_id,
        user_id as first_id,
        session_id::text as second_id,
        array[fingerprint] as sealed
    from oadb.sessions
    union all
    select
        'api_keys' as table_name,
        key_id,
        user_id as first_id,
        api_key_id::text as second_id,
        array[fingerprint, coalesce(kept_token, '')] as sealed
    from oadb.api_keys
    union all
    select
        'broker_tokens' as table_name,
        key_id,
        user_id as first_id,
        broker as second_id,
        array[
            access_token,
            coalesce(refresh_token, ''),
            coalesce(feed_token, ''),
            coalesce(parameters, '')
        ] as sealed
    from oadb.broker_tokens
    union all
    select
        'second_factors' as table_name,
        key_id,
        user_id as first_id,
        null::text as second_id,
        array[secret] as sealed
    from oadb.second_factors
    union all
    select
        'smtp_settings' as table_name,
        key_id,
        singleton_id as first_id,
        null::text as second_id,
        array[password] as sealed
    from oadb.smtp_settings
    union all
    select
        'strategies' as table_name,
        key_id,
        user_id as first_id,
        strategy_id::text as second_id,
        array[fingerprint] as sealed
    from oadb.strategies
) as sealed_rows
where
    sealed_rows.table_name = :table_name
    and sealed_rows.key_id = :key_id
    and sealed_rows.first_id > :after
order by sealed_rows.first_id
fetch first :batch rows with ties;
