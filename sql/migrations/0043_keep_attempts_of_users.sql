-- depends: 0042_index_login_attempts_by_outcome
-- An attempt to sign in outlives its user: it keeps the id, which is not used again.
--
-- Lock: access exclusive on oadb.login_attempts and oadb.users, for an instant.

-- squawk-ignore-file ban-drop-constraint

set local lock_timeout = '4s';

-- In the order of who writes an attempt.
lock table oadb.login_attempts in access exclusive mode;
lock table oadb.users in access exclusive mode;

alter table oadb.login_attempts drop constraint login_attempts_user_id_fkey;

comment on column oadb.login_attempts.user_id is
'Who was meant. Null: nobody of that name. No foreign key: an attempt outlives the user, and ids '
'are not used again.';
