set local lock_timeout = '4s';

create or replace trigger users_refuse_identity
before update of username, email, is_admin on oadb.users
for each row
when (
    nullif(current_setting('oadb.user_id', true), '') is not null
    and (old.username, old.email, old.is_admin)
    is distinct from (new.username, new.email, new.is_admin)
)
execute function oadb.refuse_change();
