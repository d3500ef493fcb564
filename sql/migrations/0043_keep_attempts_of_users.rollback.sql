-- The attempts forget users who were deleted.

set local lock_timeout = '4s';

update oadb.login_attempts
set user_id = null
where
    user_id is not null
    and not exists (
        select from oadb.users
        where users.user_id = login_attempts.user_id
    );

alter table oadb.login_attempts
add constraint login_attempts_user_id_fkey
foreign key (user_id) references oadb.users (user_id) on delete set null;

comment on column oadb.login_attempts.user_id is 'Who was meant. Null: nobody of that name.';
