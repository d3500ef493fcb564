-- depends: 0056_find_usable_tokens
-- Who only reads may count the rows of each root key, by the list of keys.
-- Lock: none.
-- Deploy: before the code that counts so.

set local lock_timeout = '4s';

insert into oadb.role_privileges (role_name, table_name, privileges)
values ('oadb_ro', 'key_canaries', 'select (key_id, enrolled_at, promoted_at)');

call oadb.renew_privileges();
