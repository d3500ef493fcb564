-- Disabled users can sign in again, sessions do not say how their users proved who they are, and
-- one-time tokens are lost.

set local lock_timeout = '4s';

drop table oadb.one_time_tokens;

delete from oadb.user_tables
where schema_name = 'oadb' and table_name = 'one_time_tokens';

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name = 'one_time_tokens';

drop trigger records_user_disabled on oadb.users;
drop trigger records_user_enabled on oadb.users;

drop trigger users_refuse_identity on oadb.users;

create trigger users_refuse_identity
before update of username, email, is_admin on oadb.users
for each row
when (
    nullif(current_setting('oadb.user_id', true), '') is not null
    and (old.username, old.email, old.is_admin)
    is distinct from (new.username, new.email, new.is_admin)
)
execute function oadb.refuse_change();

drop trigger records_recovery_codes_made on oadb.second_factors;
drop trigger records_recovery_code_used on oadb.second_factors;

update oadb.role_privileges
set privileges = replace(privileges, 'confirmed_at, recovery_used)', 'confirmed_at)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'second_factors';

drop trigger records_session_begun on oadb.sessions;
drop trigger records_session_changed on oadb.sessions;

create trigger records_session_begun after insert on oadb.sessions
for each row execute function oadb.record_security_event(
    'session_begun', 'session_id', 'device', 'broker'
);

create trigger records_session_changed after update on oadb.sessions
for each row when (
    (old.idle_timeout, old.expires_at) is distinct from (new.idle_timeout, new.expires_at)
    or (old.token_digest <> new.token_digest and new.key_id <= old.key_id)
)
execute function oadb.record_security_event(
    'session_changed', 'session_id', 'idle_timeout', 'expires_at'
);

update oadb.role_privileges
set privileges = replace(privileges, 'expires_at, authenticated_at, assurance)', 'expires_at)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'sessions';

update oadb.role_privileges
set privileges = replace(privileges, 'disabled_at, access_set_by, ', '')
where
    role_name = 'oadb_app'
    and schema_name = 'oadb'
    and table_name = 'users';

update oadb.role_privileges
set privileges = replace(privileges, 'updated_at, disabled_at, access_set_by)', 'updated_at)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'users';

call oadb.renew_privileges();

alter table oadb.users
drop column disabled_at,
drop column access_set_by;

alter table oadb.sessions
drop column authenticated_at,
drop column assurance;

alter table oadb.second_factors
drop column recovery_salt,
drop column recovery_used;
