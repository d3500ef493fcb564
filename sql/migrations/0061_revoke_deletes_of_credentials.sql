-- depends: 0060_find_networks_in_use
-- API keys and tokens of brokers are revoked and kept; their rows go with their users alone. So
-- services and users may not delete them: no statement does.
--
-- Lock: access exclusive on oadb.api_keys and oadb.broker_tokens, whose policies are made again,
-- for a moment.
-- Deploy: before or after the code: no statement deletes such rows.

set local lock_timeout = '4s';

update oadb.role_privileges
set privileges = 'select, insert, update'
where
    schema_name = 'oadb'
    and table_name in ('api_keys', 'broker_tokens')
    and role_name in ('oadb_app', 'oadb_user');

call oadb.renew_privileges();
