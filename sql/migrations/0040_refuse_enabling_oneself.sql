-- depends: 0039_keep_imported_rows
-- Under an identity nobody disables or enables a user, with one role either: privileges on columns
-- do not bind an owner.
-- Lock: share row exclusive on oadb.users, for a moment.
-- Deploy: before or after the code.

set local lock_timeout = '4s';

create or replace trigger users_refuse_identity
before update of username, email, is_admin, disabled_at, access_set_by on oadb.users
for each row
when (
    nullif(current_setting('oadb.user_id', true), '') is not null
    and (old.username, old.email, old.is_admin, old.disabled_at, old.access_set_by)
    is distinct from (
        new.username, new.email, new.is_admin, new.disabled_at, new.access_set_by
    )
)
execute function oadb.refuse_change();
