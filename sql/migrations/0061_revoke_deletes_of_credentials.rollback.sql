set local lock_timeout = '4s';

update oadb.role_privileges
set privileges = 'select, insert, update, delete'
where
    schema_name = 'oadb'
    and table_name in ('api_keys', 'broker_tokens')
    and role_name in ('oadb_app', 'oadb_user');

call oadb.renew_privileges();
