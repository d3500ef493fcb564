-- When API keys were last used. Bound in oadb/accounts/key_uses.py.

-- name: _store
-- scope: all users (a service writes the uses of many users in one batch)
-- repeatable: a second run only writes a later time
-- Writes each key at most once a minute, however often it is called. Served by api_keys_pkey.
update oadb.api_keys
set last_used_at = now()
from unnest(:user_ids::bigint[], :api_key_ids::uuid[]) as used (user_id, api_key_id)
where
    api_keys.user_id = used.user_id
    and api_keys.api_key_id = used.api_key_id
    and (api_keys.last_used_at is null or api_keys.last_used_at < now() - interval '1 minute');
