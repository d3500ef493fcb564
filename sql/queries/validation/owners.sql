-- Users who act. Bound in oadb/validation/owners.py.

-- name: _find
-- primary: whether a row can be stored for a user
-- Served by users_pkey. Under an identity its own user alone is found.
select user_id
from oadb.users
where user_id = :user_id;
