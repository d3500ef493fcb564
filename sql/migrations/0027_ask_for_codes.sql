-- depends: 0026_create_views
-- A sign-in with a second factor has an outcome of its own for a right password without a code,
-- and services may rename users and make them administrators.
--
-- Lock: access exclusive on oadb.login_attempts, while its rows are read: about a second for ten
-- million.

-- All rows pass the narrower check; retention bounds how many there are.
-- squawk-ignore-file constraint-missing-not-valid, ban-drop-constraint

set local lock_timeout = '4s';

alter table oadb.login_attempts
drop constraint login_attempts_outcome_check,
add constraint login_attempts_outcome_check check (
    outcome in ('succeeded', 'failed', 'locked', 'unverified', 'resumed', 'code_needed')
);

comment on column oadb.login_attempts.outcome is
'Unverified: the password was not compared, because capacity or the database was not available. '
'Code_needed: the password was right, and a code of the second factor is required as well.';

-- Not for oadb_user: under an identity users cannot promote themselves.
update oadb.role_privileges
set privileges = replace(privileges, 'update (email,', 'update (username, is_admin, email,')
where
    role_name = 'oadb_app'
    and table_name = 'users';

call oadb.renew_privileges();
