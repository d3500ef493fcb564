-- depends: 0065_let_writers_send_log_ids
-- On Citus, an identity outside of a transaction block would reach no worker: its rows would seem
-- to be none, or, where the owner is the only role, those of everybody. It is refused.
--
-- Lock: none.
-- Deploy: before the code, which older migrations do not disturb. Older code is refused identities
-- on Citus; elsewhere nothing changes.

set local lock_timeout = '4s';

create or replace function oadb.act_as(acting_user_id bigint) returns void
language plpgsql
set search_path = ''
as $$
begin
    if acting_user_id is null then
        raise null_value_not_allowed using message = 'oadb.act_as: who? null is nobody';
    end if;
    if current_setting('citus.propagate_set_commands', true) <> 'local' then
        raise insufficient_privilege using
            message = 'the workers of Citus do not learn an identity',
            hint = 'Set citus.propagate_set_commands = local for the role.';
    end if;
    -- Citus sends SET LOCAL to its workers within a transaction block alone, and nothing here can
    -- see whether this is one. Who has begun one says so: by SET LOCAL before this call.
    if
        current_setting('citus.propagate_set_commands', true) is not null
        and current_setting('oadb.user_id', true) is distinct from acting_user_id::text
    then
        raise exception using
            errcode = 'OAB01',
            message = 'oadb.act_as: on Citus an identity needs a transaction block',
            hint = 'begin; set local oadb.user_id = ''7''; select oadb.act_as(7);';
    end if;
    perform set_config('oadb.user_id', acting_user_id::text, true);
    -- Where roles are separate. Not even a superuser sees more then. SET ROLE asks whether the
    -- session's role may. In a single-role database the role may be there for another database.
    if to_regrole('oadb_user') is not null then
        if has_schema_privilege('oadb_user', 'oadb', 'usage') then
            if not pg_has_role(
                session_user,
                'oadb_user',
                case
                    when current_setting('server_version_num')::int >= 160000 then 'set'
                    else 'member'
                end
            ) then
                raise insufficient_privilege using
                    message = format(
                        '%I cannot become oadb_user, which an identity needs', session_user
                    ),
                    hint = format(
                        'As a superuser, or as who made that role: grant oadb_user to %I;',
                        session_user
                    );
            end if;
            perform set_config('role', 'oadb_user', true);
        end if;
    end if;
    if not row_security_active('oadb.users') then
        raise insufficient_privilege using
            message = format(
                'row-level security does not bind the role %I: see oadb doctor', current_user
            ),
            hint = 'Connect as a role without superuser and bypassrls, or let the role oadb_user '
                || 'exist: call oadb.create_roles(); call oadb.grant_privileges();';
    end if;
end
$$;
