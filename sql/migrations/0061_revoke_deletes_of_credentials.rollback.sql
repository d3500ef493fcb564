set local lock_timeout = '4s';

update oadb.role_privileges
set privileges = 'select, insert, update, delete'
where
    schema_name = 'oadb'
    and table_name in ('api_keys', 'broker_tokens')
    and role_name in ('oadb_app', 'oadb_user');

call oadb.renew_privileges();

-- One policy for all that a user may do has taken the place of one for each.
drop policy if exists user_insert_policy on oadb.api_keys;
drop policy if exists user_update_policy on oadb.api_keys;
drop policy if exists user_insert_policy on oadb.broker_tokens;
drop policy if exists user_update_policy on oadb.broker_tokens;
