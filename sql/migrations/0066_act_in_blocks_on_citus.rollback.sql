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
