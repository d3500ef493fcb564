-- Accounts: who can sign in. Bound in oadb/accounts/users.py.

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
-- scope: all users (a sign-in knows no id yet)
-- Any letter case matches. Served by users_username_lower_key.
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
-- scope: all users (a password reset knows no id yet)
-- Any letter case matches. Served by users_email_lower_key.
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
-- scope: all users (a sign-in knows no id yet)
-- The only query that reads the hash. Served by users_username_lower_key.
select
    user_id,
    password_hash,
    auth_epoch
from oadb.users
where username_key = lower(:username);

-- name: list_page
-- scope: all users (administration)
-- In order of user_id, from the first one after :after (0 for the first page).
-- At most 1000 at a time.
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
-- scope: all users (the id is made here)
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
-- Replaces all three; no row comes back when there is no such user. May
-- violate users_email_lower_key and the checks.
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
-- The new epoch keeps a sign-in that proved the old password from getting a session.
update oadb.users
set
    password_hash = :password_hash,
    auth_epoch = auth_epoch + 1,
    updated_at = now()
where user_id = :user_id;

-- name: _upgrade_password
-- Compare and swap: a password that was changed in between wins.
update oadb.users
set password_hash = :password_hash
where
    user_id = :user_id
    and password_hash = :replaced_hash;

-- name: _delete
-- Everything of this user goes with it.
delete from oadb.users
where user_id = :user_id;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a password that was changed in between is left alone.
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
