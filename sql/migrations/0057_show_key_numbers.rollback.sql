-- Who only reads does not see the list of keys.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where role_name = 'oadb_ro' and schema_name = 'oadb' and table_name = 'key_canaries';

call oadb.renew_privileges();
