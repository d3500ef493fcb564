-- depends: 0033_protect_owners
-- Security events: an audit of what changes who may do what. Triggers write it, in the statement of
-- the change, whoever makes the change: services, psql, an import, a cascade of foreign keys. They
-- run as the owner of the tables, so services need no right to write events, and can forge none.
--
-- A row is never changed, and is not deleted before it is 90 days old. oadb maintain links the rows
-- to a chain of checksums, which oadb audit verify computes again.
--
-- Lock: access exclusive on second_factors, trading_mode and key_canaries for a column, and share
-- row exclusive on the other tables for triggers, each for an instant.
-- Deploy: before the code that writes the new columns. Processes of the code before it go on.

-- Every table that gets an index is new.
-- squawk-ignore-file require-concurrent-index-creation

set local lock_timeout = '4s';

create table oadb.security_events (
    event_id    bigint      generated always as identity,
    happened_at timestamptz not null default clock_timestamp(),
    kind        text        not null,
    user_id     bigint,
    acted_by    bigint,
    db_role     text        not null,
    ip          inet,
    detail      jsonb       not null default '{}',

    constraint security_events_pkey primary key (event_id),
    constraint security_events_happened_at_check check (isfinite(happened_at)),
    constraint security_events_kind_check check (kind ~ '^[a-z_]{1,40}$'),
    constraint security_events_detail_check check (
        jsonb_typeof(detail) = 'object' and pg_column_size(detail) <= 32768
    )
);

create index security_events_user_id_idx
on oadb.security_events (user_id, happened_at, event_id);
create index security_events_happened_at_idx on oadb.security_events (happened_at, event_id);

comment on table oadb.security_events is
'Audit: what changed who may do what. Written by triggers alone; rows are never changed.';
comment on column oadb.security_events.kind is
'What happened, as its trigger names it. A CHECK of all names would be parsed anew for each event, '
'and take most of its time.';
comment on column oadb.security_events.user_id is
'Whom it concerns; null: nobody in particular. No foreign key: the event outlives the user.';
comment on column oadb.security_events.acted_by is
'The user who did it. Null: the platform, or nobody was signed in.';
comment on column oadb.security_events.db_role is 'The role that connected.';
comment on column oadb.security_events.ip is 'Of the client. Null: not known.';
comment on column oadb.security_events.detail is
'What is not secret: a value, or {"old": ..., "new": ...} if it changed; texts up to 254 '
'characters.';

create table oadb.security_event_links (
    day      date   not null,
    position bigint not null,
    event_id bigint not null,
    checksum bytea  not null,

    constraint security_event_links_pkey primary key (day, position),
    constraint security_event_links_event_id_key unique (event_id),
    constraint security_event_links_day_check check (isfinite(day)),
    constraint security_event_links_position_check check (position >= 1),
    constraint security_event_links_checksum_check check (octet_length(checksum) = 32)
);

comment on table oadb.security_event_links is
'The chain of security events. Of a day whose events have expired, its last link stays.';
comment on column oadb.security_event_links.day is 'In UTC: that of the event, or a later one.';
comment on column oadb.security_event_links.position is 'In the day: 1, 2, 3.';
comment on column oadb.security_event_links.event_id is 'No foreign key: a lost event is noticed.';
comment on column oadb.security_event_links.checksum is
'SHA-256 of the checksum before it, which may be of an earlier day, and of the line that '
'oadb audit export writes for the event, without the checksum. Before the first: 32 zero bytes.';

create function oadb.keep_security_events() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise insufficient_privilege using
        message = format(
            'oadb.%I is append-only; rows may be deleted after 90 days', tg_table_name
        );
end
$$;

comment on function oadb.keep_security_events is 'Refuses what would change or hide the audit.';

create trigger keep_rows before update or truncate on oadb.security_events
for each statement execute function oadb.keep_security_events();

create trigger keep_recent_rows before delete on oadb.security_events
for each row when (
    old.happened_at > now() - interval '90 days'
)
execute function oadb.keep_security_events();

create trigger keep_rows before update or truncate on oadb.security_event_links
for each statement execute function oadb.keep_security_events();

create trigger keep_recent_rows before delete on oadb.security_event_links
for each row when (
    old.day > (now() at time zone 'UTC')::date - 90
)
execute function oadb.keep_security_events();

create function oadb.record_security_event() returns trigger
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

comment on function oadb.record_security_event is
'Writes an event of the kind that the trigger names first, with the values of the columns that it '
'names then: never columns with secrets.';

-- Events that need a column of their own.

alter table oadb.second_factors add column wrong_at timestamptz;
alter table oadb.trading_mode add column set_by bigint;
alter table oadb.key_canaries add column promoted_at timestamptz;

comment on column oadb.second_factors.wrong_at is 'When a wrong code was last given.';
comment on column oadb.trading_mode.set_by is
'Who set the mode: a user. Null: nobody was signed in. No foreign key, as in app_setting_changes.';
comment on column oadb.key_canaries.promoted_at is
'When it was last made primary by oadb keys promote. Null: never, such as the first key.';

-- Users. What is only sealed again, under a key with a higher number, is the same as before.

create trigger records_user_created after insert on oadb.users
for each row execute function oadb.record_security_event(
    'user_created', 'username', 'email', 'is_admin'
);

create trigger records_user_deleted after delete on oadb.users
for each row execute function oadb.record_security_event(
    'user_deleted', 'username', 'email', 'is_admin'
);

create trigger records_username_changed after update on oadb.users
for each row when (old.username <> new.username)
execute function oadb.record_security_event('username_changed', 'username');

create trigger records_email_changed after update on oadb.users
for each row when (old.email <> new.email)
execute function oadb.record_security_event('email_changed', 'email');

create trigger records_is_admin_changed after update on oadb.users
for each row when (old.is_admin <> new.is_admin)
execute function oadb.record_security_event('is_admin_changed', 'is_admin');

create trigger records_password_changed after update on oadb.users
for each row when (
    old.password_hash is distinct from new.password_hash
    and (
        old.auth_epoch <> new.auth_epoch
        or old.password_hash is null
        or new.password_hash is null
    )
)
execute function oadb.record_security_event('password_changed', 'auth_epoch');

create trigger records_password_rehashed after update on oadb.users
for each row when (
    old.password_hash <> new.password_hash
    and old.auth_epoch = new.auth_epoch
    and new.password_key_id <= old.password_key_id
)
execute function oadb.record_security_event('password_rehashed');

-- Sessions. One whose lapses_at had passed was not ended by anybody.

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

create trigger records_session_ended after delete on oadb.sessions
for each row execute function oadb.record_security_event(
    'session_ended', 'session_id', 'lapses_at'
);

-- Second factors.

create trigger records_second_factor_enrolled after insert on oadb.second_factors
for each row execute function oadb.record_security_event(
    'second_factor_enrolled', 'confirmed_at'
);

create trigger records_second_factor_enrolled_again after update on oadb.second_factors
for each row when (
    old.secret <> new.secret
    and (old.created_at <> new.created_at or new.key_id <= old.key_id)
)
execute function oadb.record_security_event('second_factor_enrolled', 'confirmed_at');

create trigger records_second_factor_confirmed after update on oadb.second_factors
for each row when (old.confirmed_at is null and new.confirmed_at is not null)
execute function oadb.record_security_event('second_factor_confirmed');

create trigger records_second_factor_used after update on oadb.second_factors
for each row when (old.confirmed_at is not null and old.last_step < new.last_step)
execute function oadb.record_security_event('second_factor_used');

create trigger records_second_factor_wrong after update on oadb.second_factors
for each row when (old.wrong_at is distinct from new.wrong_at)
execute function oadb.record_security_event('second_factor_wrong', 'failures');

create trigger records_second_factor_changed after update on oadb.second_factors
for each row when (
    (
        old.is_required_for_login,
        old.is_required_for_mcp,
        old.is_required_for_password_reset
    ) is distinct from (
        new.is_required_for_login,
        new.is_required_for_mcp,
        new.is_required_for_password_reset
    )
    or (old.confirmed_at is not null and new.confirmed_at is null)
)
execute function oadb.record_security_event(
    'second_factor_changed',
    'is_required_for_login', 'is_required_for_mcp', 'is_required_for_password_reset',
    'confirmed_at'
);

create trigger records_second_factor_removed after delete on oadb.second_factors
for each row execute function oadb.record_security_event('second_factor_removed');

-- API keys.

create trigger records_api_key_issued after insert on oadb.api_keys
for each row execute function oadb.record_security_event(
    'api_key_issued', 'api_key_id', 'name', 'scopes', 'order_mode', 'expires_at'
);

create trigger records_api_key_replaced after update on oadb.api_keys
for each row when (
    old.token_digest <> new.token_digest
    and (old.rotated_at is distinct from new.rotated_at or new.key_id <= old.key_id)
)
execute function oadb.record_security_event('api_key_replaced', 'api_key_id', 'name');

create trigger records_api_key_changed after update on oadb.api_keys
for each row when (
    (old.name, old.scopes, old.order_mode, old.expires_at)
    is distinct from (new.name, new.scopes, new.order_mode, new.expires_at)
    or (old.revoked_at is not null and new.revoked_at is null)
)
execute function oadb.record_security_event(
    'api_key_changed',
    'api_key_id', 'name', 'scopes', 'order_mode', 'expires_at', 'revoked_at'
);

create trigger records_api_key_revoked after update on oadb.api_keys
for each row when (old.revoked_at is null and new.revoked_at is not null)
execute function oadb.record_security_event('api_key_revoked', 'api_key_id', 'name');

create trigger records_api_key_deleted after delete on oadb.api_keys
for each row when (old.revoked_at is null)
execute function oadb.record_security_event('api_key_revoked', 'api_key_id', 'name');

-- Broker tokens.

create trigger records_broker_token_stored after insert on oadb.broker_tokens
for each row when (new.revoked_at is null)
execute function oadb.record_security_event(
    'broker_token_stored', 'broker', 'client_id', 'expires_at'
);

create trigger records_broker_token_stored_again after update on oadb.broker_tokens
for each row when (
    new.revoked_at is null
    and (
        (old.client_id, old.expires_at, old.updated_at, old.revoked_at)
        is distinct from (new.client_id, new.expires_at, new.updated_at, new.revoked_at)
        or (
            (old.access_token, old.refresh_token, old.feed_token, old.parameters)
            is distinct from (
                new.access_token, new.refresh_token, new.feed_token, new.parameters
            )
            and new.key_id <= old.key_id
        )
    )
)
execute function oadb.record_security_event(
    'broker_token_stored', 'broker', 'client_id', 'expires_at'
);

create trigger records_broker_token_revoked after update on oadb.broker_tokens
for each row when (old.revoked_at is null and new.revoked_at is not null)
execute function oadb.record_security_event('broker_token_revoked', 'broker', 'client_id');

create trigger records_broker_token_deleted after delete on oadb.broker_tokens
for each row when (old.revoked_at is null)
execute function oadb.record_security_event('broker_token_revoked', 'broker', 'client_id');

-- Webhooks. One that is sealed again has the same hint.

create trigger records_webhook_issued after insert on oadb.strategies
for each row execute function oadb.record_security_event(
    'webhook_issued', 'strategy_id', 'name', 'platform'
);

create trigger records_webhook_replaced after update on oadb.strategies
for each row when (
    old.token_digest <> new.token_digest
    and (old.webhook_hint <> new.webhook_hint or new.key_id <= old.key_id)
    or (old.webhook_revoked_at is not null and new.webhook_revoked_at is null)
)
execute function oadb.record_security_event('webhook_replaced', 'strategy_id', 'name');

create trigger records_webhook_revoked after update on oadb.strategies
for each row when (old.webhook_revoked_at is null and new.webhook_revoked_at is not null)
execute function oadb.record_security_event('webhook_revoked', 'strategy_id', 'name');

create trigger records_webhook_deleted after delete on oadb.strategies
for each row when (old.webhook_revoked_at is null)
execute function oadb.record_security_event('webhook_revoked', 'strategy_id', 'name');

-- Bans. One that expired is deleted a year later; that ends nothing.

create trigger records_banned after insert on oadb.ip_bans
for each row execute function oadb.record_security_event(
    'banned', 'network', 'reason', 'offences', 'expires_at', 'source'
);

create trigger records_banned_again after update on oadb.ip_bans
for each row when (
    (old.network, old.offences, old.banned_at, old.expires_at, old.source, old.banned_by)
    is distinct from (
        new.network, new.offences, new.banned_at, new.expires_at, new.source, new.banned_by
    )
)
execute function oadb.record_security_event(
    'banned', 'network', 'reason', 'offences', 'expires_at', 'source'
);

create trigger records_unbanned after delete on oadb.ip_bans
for each row when (coalesce(old.expires_at > now(), true))
execute function oadb.record_security_event('unbanned', 'network', 'offences');

create trigger records_exempted after insert on oadb.ban_exemptions
for each row execute function oadb.record_security_event('exempted', 'network', 'reason');

create trigger records_exempted_again after update on oadb.ban_exemptions
for each row when (old.network <> new.network)
execute function oadb.record_security_event('exempted', 'network', 'reason');

create trigger records_unexempted after delete on oadb.ban_exemptions
for each row execute function oadb.record_security_event('unexempted', 'network', 'reason');

-- The application: trading mode, root keys, what each role may do.

create trigger records_trading_mode_changed after update on oadb.trading_mode
for each row when (old.mode <> new.mode)
execute function oadb.record_security_event('trading_mode_changed', 'mode');

create trigger records_root_key_added after insert on oadb.key_canaries
for each row execute function oadb.record_security_event('root_key_added', 'key_id');

create trigger records_root_key_added_again after update on oadb.key_canaries
for each row when ((old.key_id, old.canary) is distinct from (new.key_id, new.canary))
execute function oadb.record_security_event('root_key_added', 'key_id');

create trigger records_root_key_promoted after update on oadb.key_canaries
for each row when (old.promoted_at is distinct from new.promoted_at)
execute function oadb.record_security_event('root_key_promoted', 'key_id');

create trigger records_root_key_retired after delete on oadb.key_canaries
for each row execute function oadb.record_security_event('root_key_retired', 'key_id');

insert into oadb.user_tables (table_name)
values ('security_events');

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'security_events', 'select'),
('oadb_app', 'security_event_links', 'select'),
('oadb_ro', 'security_events', 'select'),
('oadb_ro', 'security_event_links', 'select'),
('oadb_user', 'security_events', 'select');

update oadb.role_privileges
set privileges = 'select, update (mode, set_by)'
where
    role_name = 'oadb_app'
    and schema_name = 'oadb'
    and table_name = 'trading_mode';

update oadb.role_privileges
set privileges = 'select, insert, delete, update (promoted_at)'
where
    role_name = 'oadb_rotate'
    and schema_name = 'oadb'
    and table_name = 'key_canaries';

update oadb.role_privileges
set privileges = replace(privileges, 'failures, ', 'failures, wrong_at, ')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'second_factors';

create trigger records_role_changed
after insert or update or delete on oadb.role_privileges
for each row execute function oadb.record_security_event(
    'role_changed', 'schema_name', 'role_name', 'table_name', 'privileges'
);

-- Roles that oadb makes and grants.

create or replace procedure oadb.create_roles()
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
    insert into oadb.security_events (kind, db_role, detail)
    select
        'role_changed',
        session_user,
        jsonb_build_object('role_name', role_name, 'created', true)
    from unnest(made) as role_name;
    call oadb.let_owner_act();
end
$$;

create or replace procedure oadb.let_owner_act()
language plpgsql
set search_path = ''
as $$
declare
    is_new boolean := current_setting('server_version_num')::int >= 160000;
    owner  text;
begin
    select pg_roles.rolname into owner
    from pg_catalog.pg_namespace
    inner join pg_catalog.pg_roles on pg_namespace.nspowner = pg_roles.oid
    where
        pg_namespace.nspname = 'oadb'
        -- A superuser need not be let, and nobody signs in as oadb_owner.
        and not pg_roles.rolsuper
        and pg_roles.rolcanlogin
        and to_regrole('oadb_user') is not null;
    if not found then
        return;
    end if;
    if pg_has_role(owner, 'oadb_user', case when is_new then 'set' else 'member' end) then
        return;
    end if;
    execute format('grant oadb_user to %I', owner)
        || case when is_new then ' with inherit false, set true' else '' end;
    insert into oadb.security_events (kind, db_role, detail)
    values (
        'role_changed',
        session_user,
        jsonb_build_object('role_name', 'oadb_user', 'granted_to', owner)
    );
exception
    when insufficient_privilege then
        raise warning '% cannot become oadb_user: %', owner, sqlerrm
            using hint = format(
                'As a superuser, or as who made that role: grant oadb_user to %I; until then '
                'db.as_user is refused to it.', owner
            );
end
$$;

call oadb.renew_privileges();
