-- Identity: the user whose rows a transaction sees. Bound in oadb/accounts/identity.py.

-- name: act_as
-- Until the end of the transaction. Raises insufficient_privilege if row-level security would
-- not bind the role. :ip is that of the client, for the audit; empty: unknown.
select
from oadb.act_as(:user_id)
cross join pg_catalog.set_config('oadb.client_ip', :ip, true);
