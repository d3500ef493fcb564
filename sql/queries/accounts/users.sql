-- Users: who can sign in, and their passwords. Bound in oadb/accounts/users.py.

-- name: get
-- primary: who a user is, and whether he is disabled
-- Served by users_pkey.
select
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at,
    disabled_at
from oadb.users
where user_id = :user_id;

-- name: find_by_username
-- scope: all users (a sign-in does not know the id yet)
-- primary: who a user is, and whether he is disabled
-- In any letter case. Served by users_username_lower_key.
select
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at,
    disabled_at
from oadb.users
where username_key = lower(:username);

-- name: find_by_email
-- scope: all users (a password reset does not know the id yet)
-- primary: who a user is, and whether he is disabled
-- In any letter case. Served by users_email_lower_key.
select
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at,
    disabled_at
from oadb.users
where email_key = lower(:email);

-- name: list_all
-- scope: all users (administration)
-- In order of user_id. Served by users_pkey.
select
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at,
    disabled_at
from oadb.users
where
    true
    and user_id > :last_user_id  --? cursor
order by user_id
limit :limit;

-- name: count
-- scope: all users (administration)
-- grows: with the users; estimate_count does not.
select count(*) as users
from oadb.users;

-- name: estimate_count
-- scope: all users (administration)
-- Exact for up to :exact users; for more, what the server knew at the last vacuum or analyze. As
-- oadb_user exact: it is one user. Served by users_pkey.
with found as (
    select users.user_id
    from oadb.users
    order by users.user_id
    limit :exact::bigint + 1
),

counted as (
    select
        count(*) as users,
        count(*) <= :exact as is_all
    from found
)

select
    case
        when counted.is_all then counted.users
        else greatest(counted.users, pg_class.reltuples::bigint)
    end as users
from counted
cross join pg_catalog.pg_class
where pg_class.oid = pg_catalog.to_regclass('oadb.users');

-- name: _create
-- scope: all users (the id is generated here)
-- May violate users_username_lower_key, users_email_lower_key and the checks.
insert into oadb.users (
    username,
    email,
    first_name,
    last_name,
    is_admin
)
values (
    :username,
    :email,
    :first_name,
    :last_name,
    :is_admin
)
returning
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at,
    disabled_at;

-- name: _update
-- Returns what changed; no row if there is no such user. The row is locked before it is compared,
-- so that one of two updates at once sees the other. May violate users_email_lower_key and the
-- checks. Served by users_pkey.
with known as (
    select
        user_id,
        email as old_email,
        case when :email_is_set then :email else email end as email,
        case when :first_name_is_set then :first_name else first_name end as first_name,
        case when :last_name_is_set then :last_name else last_name end as last_name
    from oadb.users
    where user_id = :user_id
    for no key update
),

changed as (
    update oadb.users
    set
        email = known.email,
        first_name = known.first_name,
        last_name = known.last_name,
        updated_at = now()
    from known
    where
        users.user_id = known.user_id
        and (users.email, users.first_name, users.last_name)
        is distinct from (known.email, known.first_name, known.last_name)
    returning users.user_id
)

select
    (select count(*) from changed) > 0 as is_changed,
    old_email <> email as is_email_changed
from known;

-- name: _set_admin
-- Not part of _update, because oadb_user must not change the column. Returns the number of
-- users that changed; 0 also if there is no such user. Served by users_pkey.
update oadb.users
set
    is_admin = :is_admin,
    updated_at = now()
where
    user_id = :user_id
    and is_admin <> :is_admin;

-- name: _set_username
-- Returns whether the name changed; no row if there is no such user. May violate
-- users_username_lower_key and users_username_check. Served by users_pkey.
with known as (
    select user_id
    from oadb.users
    where user_id = :user_id
    for update
),

changed as (
    update oadb.users
    set
        username = :username,
        updated_at = now()
    from known
    where
        users.user_id = known.user_id
        and users.username <> :username
    returning users.user_id
)

select (select count(*) from changed) > 0 as is_changed
from known;

-- name: _delete
-- Deletes the user's rows in other tables as well (on delete cascade). Served by users_pkey.
delete from oadb.users
where user_id = :user_id;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a password that was changed meanwhile stays. Served by users_pkey.
update oadb.users
set password_hash = resealed.password_hash
from
    unnest(
        :user_ids::bigint[],
        :replaced::bytea[],
        :password_hashes::bytea[]
    ) as resealed (user_id, replaced, password_hash)
where
    users.user_id = resealed.user_id
    and users.password_hash = resealed.replaced;
