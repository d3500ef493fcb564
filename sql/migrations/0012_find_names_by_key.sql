-- depends: 0011_enable_row_security
-- Names and addresses are found by a column that holds them in lower case. An index on lower(...)
-- is of no use under row-level security: the function could tell about rows that the policy hides,
-- as far as PostgreSQL knows, so that a sign-in would read the whole table.
--
-- Lock: access exclusive on oadb.users, while it is rewritten: about a second for a million people.

-- squawk-ignore-file adding-field-with-default, require-concurrent-index-creation
-- squawk-ignore-file require-concurrent-index-deletion

set local lock_timeout = '4s';

alter table oadb.users
add column username_key text generated always as (lower(username)) stored,
add column email_key text generated always as (lower(email)) stored;

drop index oadb.users_username_lower_key;
drop index oadb.users_email_lower_key;

create unique index users_username_lower_key on oadb.users (username_key);
create unique index users_email_lower_key on oadb.users (email_key);

comment on column oadb.users.username_key is 'The name by which people are told apart.';
comment on column oadb.users.email_key is 'The address by which people are told apart.';

-- Writers of logs look up who was meant; people who look see what they saw.
update oadb.role_privileges
set privileges = 'select (user_id, username_key)'
where
    role_name = 'oadb_log'
    and table_name = 'users';

update oadb.role_privileges
set
    privileges = replace(
        privileges, 'username, email,', 'username, username_key, email, email_key,'
    )
where
    role_name = 'oadb_ro'
    and table_name = 'users';

call oadb.renew_privileges();
