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

create or replace function oadb.record_security_event() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    actor   text := coalesce(current_setting('oadb.user_id', true), '');
    said    jsonb := '{}';
    listed  text;
    before  jsonb;
    after   jsonb;
begin
    -- Whoever has a table of his own could otherwise have it write events.
    if tg_table_schema <> 'oadb' then
        raise insufficient_privilege using
            message = 'oadb.record_security_event() serves the tables of oadb alone';
    end if;
    -- Expressions alone: a query would take three times as long.
    foreach listed in array tg_argv[1:] loop
        before := old_row -> listed;
        if octet_length(old_row ->> listed) > 254 then
            before := to_jsonb(left(old_row ->> listed, 254));
        end if;
        after := new_row -> listed;
        if octet_length(new_row ->> listed) > 254 then
            after := to_jsonb(left(new_row ->> listed, 254));
        end if;
        said := said || jsonb_build_object(
            listed,
            case
                when tg_op <> 'UPDATE' or before = after then coalesce(after, before)
                else jsonb_build_object('old', before, 'new', after)
            end
        );
    end loop;
    -- An identity writes no event, not even of its user; the owner of the table does.
    if actor <> '' then
        perform set_config('oadb.user_id', '', true);
    end if;
    insert into oadb.security_events (
        kind,
        user_id,
        acted_by,
        db_role,
        ip,
        detail
    )
    values (
        tg_argv[0],
        (coalesce(new_row, old_row) ->> 'user_id')::bigint,
        coalesce(new_row ->> 'banned_by', new_row ->> 'set_by', nullif(actor, ''))::bigint,
        session_user,
        coalesce(
            new_row ->> 'ip', nullif(current_setting('oadb.client_ip', true), '')
        )::inet,
        said
    );
    if actor <> '' then
        perform set_config('oadb.user_id', actor, true);
    end if;
    return null;
end
$$;

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
