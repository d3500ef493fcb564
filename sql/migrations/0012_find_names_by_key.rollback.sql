set local lock_timeout = '4s';

drop index oadb.users_username_lower_key;
drop index oadb.users_email_lower_key;

alter table oadb.users
drop column username_key,
drop column email_key;

create unique index users_username_lower_key on oadb.users (lower(username));
create unique index users_email_lower_key on oadb.users (lower(email));

update oadb.role_privileges
set privileges = 'select (user_id, username)'
where
    role_name = 'oadb_log'
    and table_name = 'users';

update oadb.role_privileges
set
    privileges = replace(
        privileges, 'username, username_key, email, email_key,', 'username, email,'
    )
where
    role_name = 'oadb_ro'
    and table_name = 'users';

call oadb.renew_privileges();
