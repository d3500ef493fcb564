-- Users who were deleted: their names and addresses in audits. Bound in
-- oadb/accounts/deleted_users.py.

-- name: erase
-- scope: all users (retention)
-- Of at most :batch users who were deleted :older_than ago: attempts keep when, how and with what
-- outcome, changes of settings which, when and by whom. As the owner of the tables. Served by
-- deleted_users_deleted_at_idx, login_attempts_user_id_idx and setting_changes_pkey.
-- grows: with the attempts and changes of :batch users, in every partition; a nightly sweep.
with due as materialized (
    select old.former_user_id
    from oadb.deleted_users as old
    where old.deleted_at < now() - cast(:older_than as interval)
    order by old.deleted_at
    limit :batch
    for update skip locked
),

attempts as (
    update oadb.login_attempts
    set
        username = '(deleted)',
        ip = null,
        device = null,
        locked_network = null,
        locked_account = null
    from due
    where login_attempts.user_id = due.former_user_id
),

setting_values as (
    update oadb.setting_changes
    set
        old_value = null,
        new_value = null
    from due
    where setting_changes.user_id = due.former_user_id
)

delete from oadb.deleted_users
using due
where deleted_users.former_user_id = due.former_user_id;
