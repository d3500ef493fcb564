-- Disabling: users who are refused everywhere. Bound in oadb/accounts/disabling.py.

-- name: _set_disabled
-- scope: all users (:by is any of them)
-- Returns whether it changed; no row if there is no such user. It changes nothing if there is no
-- user :by. A sign-in that makes a session waits in _claim_user, and then gets none. Served by
-- users_pkey.
with known as (
    select
        user_id,
        disabled_at is not null as is_disabled,
        case when :is_disabled then now() end as disabled_at
    from oadb.users
    where user_id = :user_id
    for no key update
),

changed as (
    update oadb.users
    set
        disabled_at = known.disabled_at,
        access_set_by = :by,
        updated_at = now()
    from known
    where
        users.user_id = known.user_id
        and known.is_disabled <> :is_disabled
        and (
            :by::bigint is null
            or exists (
                select 1 from oadb.users as actors
                where actors.user_id = :by
                for key share
            )
        )
    returning users.user_id
)

select (select count(*) from changed) > 0 as is_changed
from known;
