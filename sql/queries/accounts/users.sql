-- Users: who can sign in, and their passwords. Bound in oadb/accounts/users.py.

-- name: get
select
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at
from oadb.users
where user_id = :user_id;

-- name: find_by_username
-- scope: all users (a sign-in does not know the id yet)
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
    updated_at
from oadb.users
where username_key = lower(:username);

-- name: find_by_email
-- scope: all users (a password reset does not know the id yet)
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
    updated_at
from oadb.users
where email_key = lower(:email);

-- name: _find_password
-- scope: all users (a sign-in does not know the id yet)
-- Apart from rotation, the only query that reads the hash. Served by users_username_lower_key.
select
    user_id,
    password_hash,
    auth_epoch
from oadb.users
where username_key = lower(:username);

-- name: list_page
-- scope: all users (administration)
-- The page after the user_id :after; 0: the first page. In order of user_id, at most 1000.
select
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at
from oadb.users
where user_id > :after
order by user_id
limit least(:page_size, 1000);

-- name: count_all
-- scope: all users (administration)
select count(*) as users
from oadb.users;

-- name: create
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
    updated_at;

-- name: set_profile
-- Replaces all three columns. Returns no row if there is no such user. May violate
-- users_email_lower_key and the checks.
update oadb.users
set
    email = :email,
    first_name = :first_name,
    last_name = :last_name,
    updated_at = now()
where user_id = :user_id
returning
    user_id,
    username,
    email,
    first_name,
    last_name,
    is_admin,
    auth_epoch,
    created_at,
    updated_at;

-- name: _store_password
-- The new epoch denies a session to a sign-in that verified the old password.
update oadb.users
set
    password_hash = :password_hash,
    auth_epoch = auth_epoch + 1,
    updated_at = now()
where user_id = :user_id;

-- name: _upgrade_password
-- Compare and swap: a password that was changed meanwhile stays.
update oadb.users
set password_hash = :password_hash
where
    user_id = :user_id
    and password_hash = :replaced_hash;

-- name: _delete
-- Deletes the user's rows in other tables as well (on delete cascade).
delete from oadb.users
where user_id = :user_id;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a password that was changed meanwhile stays.
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
