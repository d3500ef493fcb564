-- Attempts that needed a code count as failed.

set local lock_timeout = '4s';

update oadb.login_attempts
set outcome = 'failed'
where outcome = 'code_needed';

alter table oadb.login_attempts
drop constraint login_attempts_outcome_check,
add constraint login_attempts_outcome_check check (
    outcome in ('succeeded', 'failed', 'locked', 'unverified', 'resumed')
);

comment on column oadb.login_attempts.outcome is
'Unverified: the password was not looked at, for want of capacity or of the database.';

update oadb.role_privileges
set privileges = replace(privileges, 'update (username, is_admin, email,', 'update (email,')
where
    role_name = 'oadb_app'
    and table_name = 'users';

call oadb.renew_privileges();
