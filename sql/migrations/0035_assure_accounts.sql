-- depends: 0034_record_security_events
-- Users can be disabled without being deleted; sessions say how, and when, their users last proved
-- who they are; one-time tokens reset passwords and change addresses; second factors have recovery
-- codes.
--
-- Lock: access exclusive on users and second_factors, for new columns, for an instant; and on
-- sessions while their rows are written again: a second for 100,000.
-- Deploy: before the code that reads the new columns. Processes of the code before it accept keys,
-- broker tokens and webhooks of disabled users, but not their sessions, which end.

-- Every row passes the checks: it was just written.
-- squawk-ignore-file constraint-missing-not-valid, adding-not-nullable-field

set local lock_timeout = '4s';

-- Users who are disabled.

alter table oadb.users
add column disabled_at timestamptz,
add column access_set_by bigint;

alter table oadb.users
add constraint users_disabled_at_check check (isfinite(disabled_at)) not valid;
alter table oadb.users validate constraint users_disabled_at_check;

comment on column oadb.users.disabled_at is
'Not null: sign-ins, sessions, keys, broker tokens and webhooks of the user are refused.';
comment on column oadb.users.access_set_by is
'Who disabled or enabled the user last: a user. Null: the platform. No foreign key, as in '
'trading_mode.';

-- With access_set_by.
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
        coalesce(
            new_row ->> 'banned_by',
            new_row ->> 'set_by',
            case
                when tg_argv[0] in ('user_disabled', 'user_enabled') then new_row ->> 'access_set_by'
            end,
            nullif(actor, '')
        )::bigint,
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

create trigger records_user_disabled after update on oadb.users
for each row when (old.disabled_at is null and new.disabled_at is not null)
execute function oadb.record_security_event('user_disabled', 'username');

create trigger records_user_enabled after update on oadb.users
for each row when (old.disabled_at is not null and new.disabled_at is null)
execute function oadb.record_security_event('user_enabled', 'username');

-- How and when users proved who they are.

alter table oadb.sessions
add column authenticated_at timestamptz,
add column assurance bigint not null default 1;

update oadb.sessions
set authenticated_at = created_at;

alter table oadb.sessions
alter column authenticated_at set default clock_timestamp(),
alter column authenticated_at set not null,
add constraint sessions_authenticated_at_check check (isfinite(authenticated_at)),
add constraint sessions_assurance_check check (assurance in (1, 2));

comment on column oadb.sessions.authenticated_at is 'When the user last proved who it is.';
comment on column oadb.sessions.assurance is
'1: a password, or what an identity provider said; 2: a second factor as well.';

drop trigger records_session_begun on oadb.sessions;
drop trigger records_session_changed on oadb.sessions;

create trigger records_session_begun after insert on oadb.sessions
for each row execute function oadb.record_security_event(
    'session_begun', 'session_id', 'device', 'broker', 'assurance'
);

create trigger records_session_changed after update on oadb.sessions
for each row when (
    (old.idle_timeout, old.expires_at, old.authenticated_at, old.assurance)
    is distinct from (
        new.idle_timeout, new.expires_at, new.authenticated_at, new.assurance
    )
    or (old.token_digest <> new.token_digest and new.key_id <= old.key_id)
)
execute function oadb.record_security_event(
    'session_changed', 'session_id', 'idle_timeout', 'expires_at', 'authenticated_at', 'assurance'
);

update oadb.role_privileges
set privileges = replace(privileges, 'expires_at)', 'expires_at, authenticated_at, assurance)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'sessions';

-- One-time tokens.

create table oadb.one_time_tokens (
    user_id      bigint      not null,
    token_id     uuid        not null,
    purpose      text        not null,
    token_digest bytea       not null,
    binding      bytea       not null,
    auth_epoch   bigint      not null,
    email        text        not null,
    new_email    text,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    used_at      timestamptz,

    constraint one_time_tokens_pkey primary key (user_id, token_id),
    constraint one_time_tokens_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint one_time_tokens_purpose_check check (
        purpose in ('password_reset', 'activation', 'email_change')
    ),
    constraint one_time_tokens_token_digest_check check (octet_length(token_digest) = 32),
    constraint one_time_tokens_binding_check check (octet_length(binding) = 32),
    constraint one_time_tokens_new_email_check check (
        (purpose = 'email_change') = (new_email is not null)
        and length(new_email) between 3 and 254
    ),
    constraint one_time_tokens_expires_at_check check (
        expires_at > created_at and expires_at <= created_at + interval '3 days'
    )
);

-- Not unique, as in 0006.
create index one_time_tokens_token_digest_idx on oadb.one_time_tokens (token_digest);
create index one_time_tokens_expires_at_idx on oadb.one_time_tokens (expires_at);

comment on table oadb.one_time_tokens is
'What users may do once without being signed in. Used and expired ones are swept.';
comment on column oadb.one_time_tokens.token_digest is
'HMAC-SHA256 of the SHA-256 of the token, under the key that was primary when it was made.';
comment on column oadb.one_time_tokens.binding is
'The same of token, user, id, purpose and new address: a copied digest is not enough.';
comment on column oadb.one_time_tokens.auth_epoch is
'That of the user when it was made: a new password makes it void.';
comment on column oadb.one_time_tokens.email is
'The address of the user when it was made: a new one makes it void.';
comment on column oadb.one_time_tokens.new_email is 'What an email_change gives the user.';

create trigger records_one_time_token_issued after insert on oadb.one_time_tokens
for each row execute function oadb.record_security_event(
    'one_time_token_issued', 'token_id', 'purpose', 'new_email', 'expires_at'
);

create trigger records_one_time_token_changed after update on oadb.one_time_tokens
for each row when (
    (old.purpose, old.token_digest, old.binding, old.auth_epoch, old.email, old.new_email)
    is distinct from (
        new.purpose, new.token_digest, new.binding, new.auth_epoch, new.email, new.new_email
    )
    or old.expires_at <> new.expires_at
    or (old.used_at is not null and new.used_at is null)
)
execute function oadb.record_security_event(
    'one_time_token_issued', 'token_id', 'purpose', 'new_email', 'expires_at'
);

create trigger records_one_time_token_used after update on oadb.one_time_tokens
for each row when (old.used_at is null and new.used_at is not null)
execute function oadb.record_security_event('one_time_token_used', 'token_id', 'purpose');

-- One that was used or had expired ends by nobody's doing.
create trigger records_one_time_token_revoked after delete on oadb.one_time_tokens
for each row when (old.used_at is null and old.expires_at > now())
execute function oadb.record_security_event('one_time_token_revoked', 'token_id', 'purpose');

insert into oadb.user_tables (table_name)
values ('one_time_tokens');

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'one_time_tokens', 'select, insert, update, delete'),
(
    'oadb_ro', 'one_time_tokens',
    'select (user_id, token_id, purpose, auth_epoch, email, new_email, created_at, expires_at,
    used_at)'
),
('oadb_user', 'one_time_tokens', 'select, insert, update, delete');

-- Recovery codes.

alter table oadb.second_factors
add column recovery_salt bytea,
add column recovery_used bigint,
add constraint second_factors_recovery_salt_check check (octet_length(recovery_salt) = 16),
add constraint second_factors_recovery_used_check check (recovery_used between 0 and 1023);

comment on column oadb.second_factors.recovery_salt is
'Of it and the secret the recovery codes are made. Null: there are none.';
comment on column oadb.second_factors.recovery_used is
'A bit for each code that was used. Null: there are none.';

create trigger records_recovery_codes_made after update on oadb.second_factors
for each row when (old.recovery_salt is distinct from new.recovery_salt)
execute function oadb.record_security_event('recovery_codes_made');

create trigger records_recovery_code_used after update on oadb.second_factors
for each row when (
    old.recovery_used is distinct from new.recovery_used
    and old.recovery_salt is not distinct from new.recovery_salt
)
execute function oadb.record_security_event('second_factor_used', 'recovery_used');

update oadb.role_privileges
set privileges = replace(privileges, 'confirmed_at)', 'confirmed_at, recovery_used)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'second_factors';

-- Not for oadb_user: under an identity nobody enables a user.
update oadb.role_privileges
set privileges = replace(privileges, 'is_admin, ', 'is_admin, disabled_at, access_set_by, ')
where
    role_name = 'oadb_app'
    and schema_name = 'oadb'
    and table_name = 'users';

update oadb.role_privileges
set privileges = replace(privileges, 'updated_at)', 'updated_at, disabled_at, access_set_by)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'users';

call oadb.renew_privileges();
