-- depends: 0010_create_second_factors
-- Roles and row-level security: an executor with an identity (db.as_user) sees that user's rows
-- alone, whatever the statement says.
--
-- The roles are made here where the migrating role may make roles. Where it may not, everything
-- works with one role; a DBA can separate them later, as a superuser:
--
--     call oadb.create_roles(); call oadb.grant_privileges();
--
-- Roles belong to the server, not to a database: give the databases of two parties two servers.
--
-- Lock: access exclusive on every table of a user, for an instant.

set local lock_timeout = '4s';

create table oadb.role_privileges (
    role_name  text not null,
    table_name text not null,
    privileges text not null,

    constraint role_privileges_pkey primary key (role_name, table_name),
    -- It becomes part of a GRANT, which it must not leave.
    constraint role_privileges_privileges_check check (privileges ~ '^[a-z_(), \n]+$')
);

comment on table oadb.role_privileges is
'What each role may do with each table. Changed by migrations; see oadb.grant_privileges().';
comment on column oadb.role_privileges.privileges is 'As in GRANT: select, update (email).';

insert into oadb.role_privileges (role_name, table_name, privileges)
values
-- Services. No ids of their choice (an INSERT of all columns allows OVERRIDING SYSTEM VALUE), and
-- an audit that they cannot change.
(
    'oadb_app', 'users',
    'select, delete, insert (username, email, first_name, last_name, is_admin),
    update (email, first_name, last_name, password_hash, auth_epoch,
    updated_at)'
),
('oadb_app', 'sessions', 'select, insert, update, delete'),
(
    'oadb_app', 'login_attempts',
    'select, delete,
    insert (username, user_id, ip, device, broker, method, outcome, reason)'
),
('oadb_app', 'lockouts', 'select, insert, update, delete'),
('oadb_app', 'api_keys', 'select, insert, update, delete'),
('oadb_app', 'broker_tokens', 'select, insert, update, delete'),
('oadb_app', 'second_factors', 'select, insert, update, delete'),
('oadb_app', 'instruments', 'select, insert, update, delete'),
('oadb_app', 'instrument_staging', 'select, insert, delete'),
('oadb_app', 'key_canaries', 'select'),
('oadb_app', 'applied_migrations', 'select'),
-- Writers of logs. An attempt is recorded with the id that its name has.
('oadb_log', 'users', 'select (user_id, username)'),
(
    'oadb_log', 'login_attempts',
    'insert (username, user_id, ip, device, broker, method, outcome, reason)'
),
-- Rotation of keys: what is sealed, what is digested, and where it is.
('oadb_rotate', 'key_canaries', 'select, insert, delete'),
(
    'oadb_rotate', 'users',
    'select (user_id, password_hash, password_key_id), update (password_hash)'
),
(
    'oadb_rotate', 'sessions',
    'select (user_id, session_id, fingerprint, key_id), update (token_digest, fingerprint)'
),
(
    'oadb_rotate', 'api_keys',
    'select (user_id, api_key_id, fingerprint, kept_token, key_id),
    update (token_digest, fingerprint, kept_token)'
),
(
    'oadb_rotate', 'broker_tokens',
    'select (user_id, broker, access_token, refresh_token, feed_token, parameters, key_id),
    update (access_token, refresh_token, feed_token, parameters, content_digest)'
),
('oadb_rotate', 'second_factors', 'select (user_id, secret, key_id), update (secret)'),
-- People who look: everything but secrets, sealed or digested.
('oadb_ro', 'instruments', 'select'),
('oadb_ro', 'login_attempts', 'select'),
('oadb_ro', 'lockouts', 'select'),
('oadb_ro', 'applied_migrations', 'select'),
(
    'oadb_ro', 'users',
    'select (user_id, username, email, first_name, last_name, is_admin, auth_epoch,
    password_key_id, created_at, updated_at)'
),
(
    'oadb_ro', 'sessions',
    'select (user_id, session_id, key_id, device, ip, broker, created_at, last_seen_at,
    idle_timeout, lapses_at, expires_at)'
),
(
    'oadb_ro', 'api_keys',
    'select (user_id, api_key_id, name, hint, key_id, scopes, order_mode, created_at, rotated_at,
    last_used_at, expires_at, revoked_at)'
),
(
    'oadb_ro', 'broker_tokens',
    'select (user_id, broker, client_id, key_id, created_at, updated_at, expires_at, revoked_at)'
),
(
    'oadb_ro', 'second_factors',
    'select (user_id, key_id, failures, unlocks_at, is_required_for_login, is_required_for_mcp,
    is_required_for_password_reset, created_at, confirmed_at)'
),
-- One user at a time. Nobody makes himself an administrator.
(
    'oadb_user', 'users',
    'select, delete, update (email, first_name, last_name, password_hash, auth_epoch,
    updated_at)'
),
('oadb_user', 'sessions', 'select, insert, update, delete'),
('oadb_user', 'login_attempts', 'select'),
('oadb_user', 'api_keys', 'select, insert, update, delete'),
('oadb_user', 'broker_tokens', 'select, insert, update, delete'),
('oadb_user', 'second_factors', 'select, insert, update, delete'),
('oadb_user', 'instruments', 'select'),
('oadb_user', 'key_canaries', 'select');

create procedure oadb.create_roles()
language plpgsql
set search_path = ''
as $$
declare
    wanted text;
    made   text[] := '{}';
begin
    foreach wanted in array
        array['oadb_owner', 'oadb_migrate', 'oadb_app', 'oadb_log', 'oadb_rotate', 'oadb_ro', 'oadb_user']
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
                made := made || wanted;
            exception
                -- Another database of the server was migrated at the same moment.
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    -- Whoever made the first of two gives it to the second; what a DBA changed later stays.
    if made && array['oadb_owner', 'oadb_migrate'] then
        grant oadb_owner to oadb_migrate;
        -- What it creates belongs to oadb_owner, which nobody can sign in as.
        alter role oadb_migrate set role = 'oadb_owner';
    end if;
    if made && array['oadb_app', 'oadb_user'] then
        grant oadb_user to oadb_app;
    end if;
    if 'oadb_app' = any(made) then
        alter role oadb_app set statement_timeout = '15s';
        alter role oadb_app set lock_timeout = '2s';
        alter role oadb_app set idle_in_transaction_session_timeout = '10s';
    end if;
end
$$;

comment on procedure oadb.create_roles is
'Makes the roles of oadb that are missing; none can sign in until a DBA lets it.';

create procedure oadb.grant_privileges()
language plpgsql
set search_path = ''
as $$
declare
    granted record;
begin
    for granted in
        select pg_roles.rolname as role_name
        from pg_catalog.pg_roles
        where pg_roles.rolname in (select role_privileges.role_name from oadb.role_privileges)
    loop
        execute format('revoke all on all tables in schema oadb from %I', granted.role_name);
        execute format('grant usage on schema oadb to %I', granted.role_name);
        -- All of them; procedures, some of which run as their owner, are not among them.
        execute format(
            'grant execute on all functions in schema oadb to %I', granted.role_name
        );
    end loop;
    for granted in
        select role_privileges.*
        from oadb.role_privileges
        inner join pg_catalog.pg_roles on role_privileges.role_name = pg_roles.rolname
    loop
        execute format(
            'grant %s on oadb.%I to %I',
            granted.privileges, granted.table_name, granted.role_name
        );
    end loop;
    -- After a load, statistics. Before 17 the owner alone can have them made, or autovacuum.
    if to_regrole('oadb_app') is not null and current_setting('server_version_num')::int >= 170000
    then
        grant maintain on oadb.instruments to oadb_app;
    end if;
    -- For oadb doctor: what was applied is in yoyo's table.
    for granted in
        select
            pg_class.oid::regclass::text as yoyo_table,
            pg_roles.rolname as role_name
        from pg_catalog.pg_class
        inner join pg_catalog.pg_roles on pg_roles.rolname in ('oadb_app', 'oadb_ro')
        where
            pg_class.relname = '_yoyo_migration'
            and pg_class.relkind = 'r'
            and pg_class.relowner = (
                select pg_namespace.nspowner
                from pg_catalog.pg_namespace
                where pg_namespace.nspname = 'oadb'
            )
    loop
        execute format('grant select on %s to %I', granted.yoyo_table, granted.role_name);
    end loop;
    -- Who may work without an identity: the owner of the table and the roles of services.
    for granted in
        select
            pg_policy.polrelid::regclass::text as table_name,
            string_agg(quote_ident(pg_roles.rolname), ', ') as services
        from pg_catalog.pg_policy
        inner join pg_catalog.pg_class on pg_policy.polrelid = pg_class.oid
        inner join pg_catalog.pg_roles
            on
                pg_class.relowner = pg_roles.oid
                or pg_roles.rolname in ('oadb_owner', 'oadb_app', 'oadb_log', 'oadb_rotate', 'oadb_ro')
        where
            pg_policy.polname = 'service_policy'
            and pg_class.relnamespace = 'oadb'::regnamespace
        group by pg_policy.polrelid
    loop
        execute format(
            'alter policy service_policy on %s to %s', granted.table_name, granted.services
        );
    end loop;
end
$$;

comment on procedure oadb.grant_privileges is
'Gives each role of oadb that exists what oadb.role_privileges says, and nothing else. May be '
'called again at any time, by the owner of the tables.';

create procedure oadb.renew_privileges()
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select
        from pg_catalog.pg_roles
        where
            rolname in (select role_privileges.role_name from oadb.role_privileges)
            and rolname <> current_user
            and has_schema_privilege(oid, 'oadb', 'usage')
    ) then
        call oadb.grant_privileges();
    end if;
end
$$;

comment on procedure oadb.renew_privileges is
'For migrations that change tables: grants again where roles are separate, and nothing elsewhere.';

-- Only who owns the tables separates roles.
revoke execute on procedure oadb.renew_privileges() from public;
revoke execute on procedure oadb.create_roles() from public;
revoke execute on procedure oadb.grant_privileges() from public;

create function oadb.act_as(acting_user_id bigint) returns void
language plpgsql
set search_path = ''
as $$
begin
    if acting_user_id is null then
        raise null_value_not_allowed using message = 'oadb.act_as: who? null is nobody';
    end if;
    perform set_config('oadb.user_id', acting_user_id::text, true);
    -- Switched to where it can be: not even a superuser sees more then. SET ROLE asks whether the
    -- session's role may. In a single-role database the role may be there for another database.
    if to_regrole('oadb_user') is not null then
        if
            has_schema_privilege('oadb_user', 'oadb', 'usage')
            and pg_has_role(
                session_user,
                'oadb_user',
                case
                    when current_setting('server_version_num')::int >= 160000 then 'set'
                    else 'member'
                end
            )
        then
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

comment on function oadb.act_as(bigint) is
'Makes the rest of this transaction see the rows of one user alone; db.as_user calls it.';

alter table oadb.users enable row level security, force row level security;
alter table oadb.sessions enable row level security, force row level security;
alter table oadb.login_attempts enable row level security, force row level security;
alter table oadb.api_keys enable row level security, force row level security;
alter table oadb.broker_tokens enable row level security, force row level security;
alter table oadb.second_factors enable row level security, force row level security;

create policy user_policy on oadb.users
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.sessions
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.login_attempts
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.api_keys
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.broker_tokens
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.second_factors
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);

create policy service_policy on oadb.users to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.sessions to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.login_attempts to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.api_keys to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.broker_tokens to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.second_factors to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);

-- A role that may make none leaves alone those that another database of the server has: they would
-- be let in here.
do $$
declare
    may_make boolean := (
        select rolsuper or rolcreaterole
        from pg_catalog.pg_roles
        where rolname = current_user
    );
begin
    if may_make then
        begin
            call oadb.create_roles();
        exception
            when insufficient_privilege then
                raise warning 'not all roles of oadb could be made: %', sqlerrm
                    using hint = 'As a superuser: call oadb.create_roles(); '
                        || 'call oadb.grant_privileges();';
        end;
    end if;
    if may_make or current_user = 'oadb_owner' then
        call oadb.grant_privileges();
    end if;
end
$$;
