-- Stored passwords: checked, replaced, and hashed again. Bound in
-- oadb/accounts/stored_passwords.py.

-- name: _find_password
-- scope: all users (a sign-in does not know the id yet)
-- primary: whether a password is right
-- Apart from rotation, the only query that reads the hash. A disabled user is like an unknown one,
-- so that nobody who has the password learns more. Served by users_username_lower_key.
select
    user_id,
    password_hash,
    auth_epoch
from oadb.users
where
    username_key = lower(:username)
    and disabled_at is null;

-- name: find_verified
-- scope: all users (a sign-in knows the id, and has no identity yet)
-- primary: whether a password is right
-- With whether a sign-in requires a code as well, so that it needs no further round trip. Served by
-- second_factors_pkey and users_pkey.
select
    users.user_id,
    users.username,
    users.email,
    users.first_name,
    users.last_name,
    users.is_admin,
    users.auth_epoch,
    users.created_at,
    users.updated_at,
    users.disabled_at,
    coalesce(
        second_factors.is_required_for_login and second_factors.confirmed_at is not null,
        false
    ) as is_code_required
from oadb.users
left outer join oadb.second_factors on users.user_id = second_factors.user_id
where users.user_id = :user_id;

-- name: _upgrade_password
-- repeatable: a second run finds another hash
-- lock timeout: 100 ms
-- Runs apart from the sign-in. Compare and swap: a password that was changed meanwhile stays.
-- Served by users_pkey.
update oadb.users
set password_hash = :password_hash
where
    user_id = :user_id
    and password_hash = :replaced_hash;

-- name: _store_password
-- The new epoch denies a session to a sign-in that verified the old password. Served by users_pkey.
update oadb.users
set
    password_hash = :password_hash,
    auth_epoch = auth_epoch + 1,
    updated_at = now()
where user_id = :user_id;
