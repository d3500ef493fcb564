-- Identity: the user whose rows a transaction sees. Bound in oadb/accounts/identity.py.

-- name: act_as
-- Until the end of the transaction. Raises insufficient_privilege if row-level security would
-- not bind the role.
select from oadb.act_as(:user_id);
