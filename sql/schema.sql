-- The schema of a migrated database, with the comment on each object above it. Generated:
--
--     oadb migrate && oadb schema > sql/schema.sql
--
-- To be read and compared, not to be run: migrations make the schema, and a test compares what they
-- make with this file.
--
-- The owner of the schema is called oadb_owner, whatever its name; objects of another owner say so.
-- Left out:
--
-- * partitions of a day or a month, which differ from day to day; of default partitions, what they
--   have from their table
-- * tables of yoyo, and privileges on them
-- * roles, which belong to the server (see oadb.create_roles), and privileges of the owner
-- * rows, except those that only migrations write; of rows that services change, all but the key
-- * publications and security labels, which no migration makes
--
-- Made with PostgreSQL 18. Before 17 there is no privilege "maintain"; before 16 the columns of a
-- view of one table have the name of the table in front.

-- schema oadb -------------------------------------------------------------------------------------

-- The data layer of a trading platform. Changed by migrations only.
create schema oadb;

grant usage on schema oadb to oadb_app, oadb_log, oadb_ro, oadb_rotate, oadb_user;

-- extension btree_gin -----------------------------------------------------------------------------

create extension btree_gin schema public;

-- extension pg_trgm -------------------------------------------------------------------------------

create extension pg_trgm schema public;

-- table oadb.analyzer_logs ------------------------------------------------------------------------

-- Orders that were analyzed instead of sent to a broker. Secrets are redacted.
create table oadb.analyzer_logs (
    log_id    bigint not null generated always as identity,
    logged_at timestamp with time zone not null,
    -- Below 0: nobody was signed in; which number says nothing. No foreign key, as of api_logs.
    user_id   bigint not null default '-1'::integer,
    api_type  text not null,
    request   jsonb not null,
    response  jsonb not null,

    constraint analyzer_logs_pkey primary key (user_id, logged_at, log_id)
) partition by range (logged_at);

create index analyzer_logs_logged_at_idx on only oadb.analyzer_logs using btree (logged_at, log_id);

alter table oadb.analyzer_logs enable row level security, force row level security;

create policy owner_policy on oadb.analyzer_logs for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.analyzer_logs for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.analyzer_logs for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant insert (logged_at, user_id, api_type, request, response), select on table oadb.analyzer_logs
    to oadb_app;
grant insert (logged_at, user_id, api_type, request, response) on table oadb.analyzer_logs to
    oadb_log;
grant select on table oadb.analyzer_logs to oadb_ro, oadb_user;

-- table oadb.analyzer_logs_default ----------------------------------------------------------------

-- Rows of a time that has no partition; should be empty.
create table oadb.analyzer_logs_default partition of oadb.analyzer_logs default;

alter table oadb.analyzer_logs_default enable row level security, force row level security;

create policy owner_policy on oadb.analyzer_logs_default for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.analyzer_logs_default for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.analyzer_logs_default for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant select on table oadb.analyzer_logs_default to oadb_app, oadb_ro;

-- table oadb.api_keys -----------------------------------------------------------------------------

-- Keys of programs, also revoked ones.
create table oadb.api_keys (
    user_id      bigint not null,
    api_key_id   uuid not null,
    name         text not null,
    -- First and last characters, so that a person can tell keys apart.
    hint         text not null,
    -- HMAC-SHA256 of the SHA-256 of the key.
    token_digest bytea not null,
    -- Sealed: the SHA-256 of the key, from which a digest under a new root key can be made.
    fingerprint  bytea not null,
    -- Sealed: the key itself, where its owner chose to see it again. Null: shown once.
    kept_token   bytea,
    -- The root key of digest, fingerprint and kept_token.
    key_id       bigint generated always as (oadb.key_id_of(fingerprint)) stored,
    scopes       text[] not null,
    -- auto: orders go to the broker; semi_auto: a person approves each.
    order_mode   text not null,
    created_at   timestamp with time zone not null default now(),
    rotated_at   timestamp with time zone,
    -- To the minute. Null: never used.
    last_used_at timestamp with time zone,
    -- Null: never.
    expires_at   timestamp with time zone,
    revoked_at   timestamp with time zone,

    constraint api_keys_pkey primary key (user_id, api_key_id),
    constraint api_keys_fingerprint_check check (oadb.is_sealed(fingerprint)),
    constraint api_keys_hint_check check (length(hint) >= 1 and length(hint) <= 20),
    constraint api_keys_kept_token_check check (oadb.is_sealed(kept_token) and oadb.key_id_of(kept_token) = oadb.key_id_of(fingerprint)),
    constraint api_keys_name_check check (length(name) >= 1 and length(name) <= 100),
    constraint api_keys_name_visible_check check (oadb.is_visible(name)),
    constraint api_keys_order_mode_check check (order_mode = any (array['auto'::text, 'semi_auto'::text])),
    constraint api_keys_scopes_check check (cardinality(scopes) <= 50 and array_position(scopes, null::text) is null),
    constraint api_keys_token_digest_check check (octet_length(token_digest) = 32),
    constraint api_keys_key_id_fkey foreign key (key_id) references oadb.key_canaries(key_id),
    constraint api_keys_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
) with (fillfactor=80);

create index api_keys_key_id_idx on oadb.api_keys using btree (key_id, user_id, api_key_id);
create index api_keys_token_digest_idx on oadb.api_keys using btree (token_digest);

alter table oadb.api_keys enable row level security, force row level security;

create policy service_policy on oadb.api_keys for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_insert_policy on oadb.api_keys for insert to public
with check (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_policy on oadb.api_keys for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_update_policy on oadb.api_keys for update to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger records_api_key_changed after update on oadb.api_keys for each row when (old.name is distinct from new.name or old.scopes is distinct from new.scopes or old.order_mode is distinct from new.order_mode or old.expires_at is distinct from new.expires_at or old.revoked_at is not null and new.revoked_at is null) execute function oadb.record_security_event('api_key_changed', 'api_key_id', 'name', 'scopes', 'order_mode', 'expires_at', 'revoked_at');
create trigger records_api_key_deleted after delete on oadb.api_keys for each row when (old.revoked_at is null) execute function oadb.record_security_event('api_key_revoked', 'api_key_id', 'name');
create trigger records_api_key_issued after insert on oadb.api_keys for each row execute function oadb.record_security_event('api_key_issued', 'api_key_id', 'name', 'scopes', 'order_mode', 'expires_at');
create trigger records_api_key_replaced after update on oadb.api_keys for each row when (old.token_digest <> new.token_digest and (old.rotated_at is distinct from new.rotated_at or new.key_id <= old.key_id)) execute function oadb.record_security_event('api_key_replaced', 'api_key_id', 'name');
create trigger records_api_key_revoked after update on oadb.api_keys for each row when (old.revoked_at is null and new.revoked_at is not null) execute function oadb.record_security_event('api_key_revoked', 'api_key_id', 'name');

grant insert, select, update on table oadb.api_keys to oadb_app, oadb_user;
grant select (user_id, api_key_id, name, hint, key_id, scopes, order_mode, created_at, rotated_at,
    last_used_at, expires_at, revoked_at) on table oadb.api_keys to oadb_ro;
grant select (user_id, api_key_id, fingerprint, kept_token, key_id), update (token_digest,
    fingerprint, kept_token) on table oadb.api_keys to oadb_rotate;

-- table oadb.api_logs -----------------------------------------------------------------------------

-- Requests to the API, orders among them, and what they were answered. Secrets are redacted.
create table oadb.api_logs (
    log_id    bigint not null generated always as identity,
    logged_at timestamp with time zone not null,
    -- Below 0: nobody was signed in; which number says nothing. No foreign key: a log outlives the
    -- user, and ids are not used again.
    user_id   bigint not null default '-1'::integer,
    endpoint  text not null,
    method    text not null,
    status    integer not null,
    ip        inet,
    request   jsonb,
    response  jsonb,
    error     text,

    constraint api_logs_pkey primary key (user_id, logged_at, log_id),
    constraint api_logs_status_check check (status >= 100 and status <= 599)
) partition by range (logged_at);

create index api_logs_endpoint_idx on only oadb.api_logs using btree (endpoint, logged_at, log_id);
create index api_logs_logged_at_idx on only oadb.api_logs using btree (logged_at, log_id);
create index api_logs_request_idx on only oadb.api_logs using gin (request jsonb_path_ops);
create index api_logs_response_idx on only oadb.api_logs using gin (response jsonb_path_ops);
create index api_logs_status_idx on only oadb.api_logs using btree (status, logged_at, log_id);

alter table oadb.api_logs enable row level security, force row level security;

create policy owner_policy on oadb.api_logs for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.api_logs for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.api_logs for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant insert (logged_at, user_id, endpoint, method, status, ip, request, response, error), select on
    table oadb.api_logs to oadb_app;
grant insert (logged_at, user_id, endpoint, method, status, ip, request, response, error) on table
    oadb.api_logs to oadb_log;
grant select on table oadb.api_logs to oadb_ro, oadb_user;

-- table oadb.api_logs_default ---------------------------------------------------------------------

-- Rows of a time that has no partition; should be empty.
create table oadb.api_logs_default partition of oadb.api_logs default;

alter table oadb.api_logs_default enable row level security, force row level security;

create policy owner_policy on oadb.api_logs_default for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.api_logs_default for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.api_logs_default for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant select on table oadb.api_logs_default to oadb_app, oadb_ro;

-- table oadb.app_setting_changes ------------------------------------------------------------------

-- Audit: every change of a setting of the application. Rows are never changed.
create table oadb.app_setting_changes (
    change_id  bigint not null generated always as identity,
    changed_at timestamp with time zone not null default clock_timestamp(),
    -- A user, as in setting_changes. Null: nobody was signed in, such as an operator at a shell.
    changed_by bigint,
    -- The table.
    group_name text not null,
    field      text not null,
    old_value  text,
    -- Of a secret, only whether it was changed or cleared; its old_value is null.
    new_value  text,

    constraint app_setting_changes_pkey primary key (change_id)
);

alter table oadb.app_setting_changes enable row level security, force row level security;

create policy service_policy on oadb.app_setting_changes for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant insert (changed_by, group_name, field, old_value, new_value), select on table
    oadb.app_setting_changes to oadb_app;
grant select on table oadb.app_setting_changes to oadb_ro;

-- table oadb.applied_migrations -------------------------------------------------------------------

-- What each applied migration said when it was applied, so that a later edit is noticed.
create table oadb.applied_migrations (
    -- File name without .sql, as in _yoyo_migration, which says what is applied.
    migration_id text collate "C" not null,
    -- SHA-256 of the file with line ends as \n.
    checksum     bytea not null,
    -- Equal to applied_at_utc of _yoyo_migration; if not, the yoyo command applied the file anew.
    applied_at   timestamp with time zone not null default now(),

    constraint applied_migrations_pkey primary key (migration_id),
    constraint applied_migrations_checksum_check check (octet_length(checksum) = 32)
);

alter table oadb.applied_migrations enable row level security, force row level security;

create policy service_policy on oadb.applied_migrations for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.applied_migrations to oadb_app, oadb_ro;

-- table oadb.ban_changes --------------------------------------------------------------------------

-- Changes of bans and exemptions: each adds a row, in its transaction, and deletes the older ones
-- that it sees. So the ids that are here differ after any change, however transactions overlap.
create table oadb.ban_changes (
    ban_change_id bigint not null generated always as identity,

    constraint ban_changes_pkey primary key (ban_change_id)
);

alter table oadb.ban_changes enable row level security, force row level security;

create policy service_policy on oadb.ban_changes for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.ban_changes to oadb_app, oadb_ro;

-- table oadb.ban_exemptions -----------------------------------------------------------------------

-- Networks that are never banned: proxies, gateways, offices, and what no client comes from.
create table oadb.ban_exemptions (
    network    inet not null,
    reason     text not null,
    -- ip_bans.unexempt leaves it.
    is_builtin boolean not null default false,
    created_at timestamp with time zone not null default now(),

    constraint ban_exemptions_pkey primary key (network),
    constraint ban_exemptions_created_at_check check (isfinite(created_at)),
    constraint ban_exemptions_network_check check (network = network(network)::inet and (is_builtin or masklen(network) >= 8)),
    constraint ban_exemptions_reason_check check (length(reason) <= 500)
);

create index ban_exemptions_network_idx on oadb.ban_exemptions using gist (network inet_ops);

alter table oadb.ban_exemptions enable row level security, force row level security;

create policy service_policy on oadb.ban_exemptions for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

create trigger notes_delete after delete on oadb.ban_exemptions referencing old table as changed for each statement execute function oadb.note_ban_change();
create trigger notes_insert after insert on oadb.ban_exemptions referencing new table as changed for each statement execute function oadb.note_ban_change();
create trigger notes_truncate after truncate on oadb.ban_exemptions for each statement execute function oadb.note_ban_change();
create trigger notes_update after update on oadb.ban_exemptions referencing new table as changed for each statement execute function oadb.note_ban_change();
create trigger records_exempted after insert on oadb.ban_exemptions for each row execute function oadb.record_security_event('exempted', 'network', 'reason');
create trigger records_exempted_again after update on oadb.ban_exemptions for each row when (old.network <> new.network) execute function oadb.record_security_event('exempted', 'network', 'reason');
create trigger records_unexempted after delete on oadb.ban_exemptions for each row execute function oadb.record_security_event('unexempted', 'network', 'reason');

grant delete, insert (network, reason), select, update (reason) on table oadb.ban_exemptions to
    oadb_app;
grant select on table oadb.ban_exemptions to oadb_ro;

insert into oadb.ban_exemptions (network, is_builtin) values
('0.0.0.0/8', true),
('10.0.0.0/8', true),
('100.64.0.0/10', true),
('127.0.0.0/8', true),
('169.254.0.0/16', true),
('172.16.0.0/12', true),
('192.0.0.0/24', true),
('192.168.0.0/16', true),
('198.18.0.0/15', true),
('2001::/32', true),
('224.0.0.0/4', true),
('240.0.0.0/4', true),
('4000::/2', true),
('8000::/1', true),
('::/3', true),
('::/64', true),
('fc00::/7', true),
('fe80::/10', true),
('ff00::/8', true);

-- table oadb.broker_tokens ------------------------------------------------------------------------

-- One row for each user and broker, also after revocation.
create table oadb.broker_tokens (
    user_id          bigint not null,
    -- As the platform names it: zerodha, angel.
    broker           text collate "C" not null,
    -- What the broker calls this user.
    client_id        text,
    -- Sealed. Null: revoked.
    access_token     bytea,
    -- Sealed. Null: none was given.
    refresh_token    bytea,
    -- Sealed: for market data. Null: none was given.
    feed_token       bytea,
    -- Sealed: a JSON object of what else the broker needs.
    parameters       bytea,
    -- HMAC-SHA256 of all that is sealed, by which a put knows whether it changes anything.
    content_digest   bytea,
    -- The key of all sealed columns of the row.
    key_id           bigint generated always as (oadb.key_id_of(access_token)) stored,
    created_at       timestamp with time zone not null default now(),
    updated_at       timestamp with time zone not null default now(),
    -- When the broker ends the token. Null: unknown.
    expires_at       timestamp with time zone,
    revoked_at       timestamp with time zone,
    -- The expires_at that a sweep has seen pass: while both are equal, the token is in no index of
    -- those that may be used. Null: none.
    swept_expires_at timestamp with time zone,

    constraint broker_tokens_pkey primary key (user_id, broker),
    constraint broker_tokens_access_token_check check (oadb.is_sealed(access_token)),
    constraint broker_tokens_broker_check check (broker ~ '^[a-z0-9_]{1,50}$'::text),
    constraint broker_tokens_client_id_check check (length(client_id) >= 1 and length(client_id) <= 255),
    constraint broker_tokens_content_digest_check check (octet_length(content_digest) = 32),
    constraint broker_tokens_feed_token_check check (oadb.is_sealed(feed_token) and oadb.key_id_of(feed_token) = oadb.key_id_of(access_token)),
    constraint broker_tokens_parameters_check check (oadb.is_sealed(parameters) and oadb.key_id_of(parameters) = oadb.key_id_of(access_token)),
    constraint broker_tokens_refresh_token_check check (oadb.is_sealed(refresh_token) and oadb.key_id_of(refresh_token) = oadb.key_id_of(access_token)),
    constraint broker_tokens_revoked_at_check check (
    case
        when revoked_at is null then access_token is not null and content_digest is not null
        else num_nonnulls(access_token, refresh_token, feed_token, parameters, content_digest) = 0
    end),
    constraint broker_tokens_key_id_fkey foreign key (key_id) references oadb.key_canaries(key_id),
    constraint broker_tokens_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
);

create index broker_tokens_created_at_idx on oadb.broker_tokens using btree (created_at, user_id, broker) where ((revoked_at is null) and coalesce((swept_expires_at <> expires_at), true));
create index broker_tokens_expiring_idx on oadb.broker_tokens using btree (expires_at, user_id, broker) where ((revoked_at is null) and coalesce((swept_expires_at <> expires_at), true));
create index broker_tokens_key_id_idx on oadb.broker_tokens using btree (key_id, user_id, broker);
create index broker_tokens_updated_at_idx on oadb.broker_tokens using btree (updated_at, user_id, broker) where ((revoked_at is null) and coalesce((swept_expires_at <> expires_at), true));

alter table oadb.broker_tokens enable row level security, force row level security;

create policy service_policy on oadb.broker_tokens for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_insert_policy on oadb.broker_tokens for insert to public
with check (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_policy on oadb.broker_tokens for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_update_policy on oadb.broker_tokens for update to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger records_broker_token_deleted after delete on oadb.broker_tokens for each row when (old.revoked_at is null) execute function oadb.record_security_event('broker_token_revoked', 'broker', 'client_id');
create trigger records_broker_token_revoked after update on oadb.broker_tokens for each row when (old.revoked_at is null and new.revoked_at is not null) execute function oadb.record_security_event('broker_token_revoked', 'broker', 'client_id');
create trigger records_broker_token_stored after insert on oadb.broker_tokens for each row when (new.revoked_at is null) execute function oadb.record_security_event('broker_token_stored', 'broker', 'client_id', 'expires_at');
create trigger records_broker_token_stored_again after update on oadb.broker_tokens for each row when (new.revoked_at is null and (old.client_id is distinct from new.client_id or old.expires_at is distinct from new.expires_at or old.updated_at is distinct from new.updated_at or old.revoked_at is distinct from new.revoked_at or (old.access_token is distinct from new.access_token or old.refresh_token is distinct from new.refresh_token or old.feed_token is distinct from new.feed_token or old.parameters is distinct from new.parameters) and new.key_id <= old.key_id)) execute function oadb.record_security_event('broker_token_stored', 'broker', 'client_id', 'expires_at');

grant insert, select, update on table oadb.broker_tokens to oadb_app, oadb_user;
grant select (user_id, broker, client_id, key_id, created_at, updated_at, expires_at, revoked_at,
    swept_expires_at) on table oadb.broker_tokens to oadb_ro;
grant select (user_id, broker, access_token, refresh_token, feed_token, parameters, key_id), update
    (access_token, refresh_token, feed_token, parameters, content_digest) on table
    oadb.broker_tokens to oadb_rotate;

-- table oadb.changes ------------------------------------------------------------------------------

-- What changed in the last hours, for processes that cache it. Names rows, never their values.
create table oadb.changes (
    -- The transaction of the change: not a savepoint of it. Committed later than one with a higher
    -- xid, the row becomes visible later; readers compare snapshots, not xids.
    xid        xid8 not null default pg_current_xact_id(),
    change_id  bigint not null generated always as identity,
    -- The changed table; readers drop all that they know if they do not know it.
    table_name text not null,
    -- Whose row changed; null: the application's. No foreign key: who was deleted is told as well.
    user_id    bigint,
    -- The primary key without user_id; empty: all rows of the user in this table.
    key        text not null,
    -- Before the commit. After a crash xids may be used again, and readers go by this time as well.
    changed_at timestamp with time zone not null default clock_timestamp(),
    -- When it may be deleted: an hour after oadb maintain first saw it, however late its
    -- transaction committed. Null: not seen yet.
    expires_at timestamp with time zone,

    constraint changes_pkey primary key (xid, change_id)
) with (fillfactor=50);

create index changes_changed_at_idx on oadb.changes using btree (changed_at);

alter table oadb.changes enable row level security, force row level security;

create policy service_policy on oadb.changes for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_insert_policy on oadb.changes for insert to public
with check (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_policy on oadb.changes for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant insert (table_name, user_id, key), select on table oadb.changes to oadb_app, oadb_user;
grant select on table oadb.changes to oadb_ro;

-- table oadb.claims -------------------------------------------------------------------------------

-- What one process at a time does: who does it locks the row, and oadb maintain the table. Not by
-- advisory locks, which anybody who may connect can hold.
create table oadb.claims (
    subject text collate "C" not null,

    constraint claims_pkey primary key (subject),
    constraint claims_subject_check check (length(subject) >= 1 and length(subject) <= 300)
);

alter table oadb.claims enable row level security, force row level security;

create policy service_policy on oadb.claims for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant insert, select, update on table oadb.claims to oadb_app;

-- table oadb.deleted_users ------------------------------------------------------------------------

-- Users who were deleted, and whose names and addresses are still in audits.
create table oadb.deleted_users (
    former_user_id bigint not null,
    deleted_at     timestamp with time zone not null default now(),

    constraint deleted_users_pkey primary key (former_user_id)
);

create index deleted_users_deleted_at_idx on oadb.deleted_users using btree (deleted_at);

alter table oadb.deleted_users enable row level security, force row level security;

create policy service_policy on oadb.deleted_users for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.deleted_users to oadb_ro;

-- table oadb.imported_rows ------------------------------------------------------------------------

-- What imported rows were like when they were compared last. Without its row here, a difference
-- between the two systems cannot be said to come from one of them.
create table oadb.imported_rows (
    -- The name given to it by who imported it.
    installation text collate "C" not null,
    -- As it is called there.
    table_name   text collate "C" not null,
    -- Its id there.
    row_id       bigint not null,
    -- What it became in oadb: of a user, the user id; of tokens of a broker, the broker; else
    -- empty.
    target       text not null,
    -- A keyed digest of each field of the row there: nobody can guess a value without the key ring.
    -- Of the field that says whose row it is, the value.
    there        jsonb not null,
    -- The same of oadb, after a mark: = the values were equal, ! oadb had another one, and kept it.
    -- Only ?: they differed, and it is not known which is newer.
    here         jsonb not null,
    compared_at  timestamp with time zone not null default now(),

    constraint imported_rows_pkey primary key (installation, table_name, row_id),
    constraint imported_rows_here_check check (jsonb_typeof(here) = 'object'::text),
    constraint imported_rows_installation_check check (length(installation) >= 1 and length(installation) <= 100),
    constraint imported_rows_there_check check (jsonb_typeof(there) = 'object'::text)
);

alter table oadb.imported_rows enable row level security, force row level security;

create policy service_policy on oadb.imported_rows for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select (installation, table_name, row_id, target, compared_at) on table oadb.imported_rows to
    oadb_ro;

-- table oadb.imports ------------------------------------------------------------------------------

-- How far the tables of other systems that only grow were brought over. Rows are never deleted:
-- without its row here, a log would be brought over again.
create table oadb.imports (
    -- The name given to it by who imported it.
    installation text collate "C" not null,
    -- As it is called there.
    table_name   text collate "C" not null,
    -- The id there of the last row that was looked at.
    last_id      bigint not null,
    -- SHA-256 of id and time of the last row, by which it is noticed that another one has its id.
    checksum     bytea not null,
    -- How many rows were brought over; others were left out.
    rows         bigint not null,
    imported_at  timestamp with time zone not null default now(),
    -- The latest time of the rows that were brought over; null: none had one, or it is not known.
    last_at      timestamp with time zone,

    constraint imports_pkey primary key (installation, table_name),
    constraint imports_checksum_check check (octet_length(checksum) = 32),
    constraint imports_installation_check check (length(installation) >= 1 and length(installation) <= 100),
    constraint imports_rows_check check (rows >= 0)
);

alter table oadb.imports enable row level security, force row level security;

create policy service_policy on oadb.imports for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.imports to oadb_ro;

-- table oadb.instrument_loads ---------------------------------------------------------------------

-- Each load that was tried, and what became of it.
create table oadb.instrument_loads (
    load_id       bigint not null generated always as identity,
    broker        text collate "C" not null,
    source        text not null,
    -- SHA-256 of the source file. Null: no file.
    checksum      bytea,
    -- started: it runs, or its process died; a load that runs holds the advisory lock of its
    -- broker.
    outcome       text not null default 'started'::text,
    reason        text,
    started_at    timestamp with time zone not null default clock_timestamp(),
    ended_at      timestamp with time zone,
    -- Rows of the source: rows, accepted, rejected, omitted, duplicate_symbols, duplicate_tokens,
    -- and reasons with the number of rows for each; and of the table: inserted, updated, deleted.
    -- Accepted and neither inserted nor updated: unchanged.
    counts        jsonb not null default '{}'::jsonb,
    -- How many instruments each exchange of the load had before and after it: {"NFO": [100, 101]}.
    exchanges     jsonb not null default '{}'::jsonb,
    -- A sample of the rows that were rejected, omitted or duplicates: where, and why.
    left_out      text[] not null default '{}'::text[],
    -- When the list was downloaded that the load brought: as its source says, else the time of the
    -- load. Null: not known, or the load has not succeeded.
    downloaded_at timestamp with time zone,

    constraint instrument_loads_pkey primary key (load_id),
    constraint instrument_loads_downloaded_at_check check (downloaded_at is null or outcome = 'loaded'::text),
    constraint instrument_loads_ended_at_check check ((ended_at is null) = (outcome = 'started'::text)),
    constraint instrument_loads_outcome_check check (outcome = any (array['started'::text, 'loaded'::text, 'failed'::text])),
    constraint instrument_loads_reason_check check ((reason is null) = (outcome <> 'failed'::text))
);

create index instrument_loads_broker_idx on oadb.instrument_loads using btree (broker, load_id);
create index instrument_loads_downloaded_at_idx on oadb.instrument_loads using btree (broker, downloaded_at) where (downloaded_at is not null);

alter table oadb.instrument_loads enable row level security, force row level security;

create policy read_policy on oadb.instrument_loads for select to public
using (true);
create policy service_policy on oadb.instrument_loads for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant insert, select, update on table oadb.instrument_loads to oadb_app;
grant select on table oadb.instrument_loads to oadb_ro, oadb_user;

-- table oadb.instrument_staging -------------------------------------------------------------------

-- Rows of a load on their way into instruments; empty outside of it.
create unlogged table oadb.instrument_staging (
    broker          text collate "C" not null,
    exchange        text collate "C" not null,
    symbol          text collate "C" not null,
    name            text,
    broker_symbol   text collate "C" not null,
    broker_exchange text collate "C" not null,
    token           text collate "C" not null,
    instrument_type text collate "C" not null,
    underlying      text collate "C",
    expiry          date,
    strike          numeric,
    lot_size        bigint not null,
    tick_size       numeric not null,
    contract_value  numeric,
    -- Of the row in its source, from 1.
    "position"      bigint not null,
    freeze_quantity bigint,

    constraint instrument_staging_pkey primary key (broker, "position")
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000);

create trigger instrument_staging_refuse_identity before insert or delete or update or truncate on oadb.instrument_staging for each statement when (nullif(current_setting('oadb.user_id'::text, true), ''::text) is not null) execute function oadb.refuse_change();

grant delete, insert, select on table oadb.instrument_staging to oadb_app;

-- table oadb.instruments --------------------------------------------------------------------------

-- One row for each broker, exchange and symbol. Written by loads only.
create table oadb.instruments (
    broker          text collate "C" not null,
    -- As the platform names it: NSE, NFO, NSE_INDEX.
    exchange        text collate "C" not null,
    -- As the platform spells it: NIFTY31JUL2524000CE.
    symbol          text collate "C" not null,
    -- Of the company or the underlying. Null: none is given.
    name            text,
    -- As the broker spells it; orders carry this.
    broker_symbol   text collate "C" not null,
    broker_exchange text collate "C" not null,
    -- The broker's own key; ticks carry this.
    token           text collate "C" not null,
    -- EQ, PREF, WARRANT, RIGHTS, BOND, GSEC, SGB, ETF, MF, TRUST, INDEX, FUT, CE, PE or COM of
    -- readers; other rows may have others.
    instrument_type text collate "C" not null,
    -- Last day of trading. Null: it does not expire.
    expiry          date,
    -- In the currency of the exchange. Null: no option.
    strike          numeric,
    -- Least quantity. 0: an index, which is not traded.
    lot_size        bigint not null,
    -- Least change of price, in the currency of the exchange. 0: an index.
    tick_size       numeric not null,
    -- Change of a contract's worth for a change of its price by 1: 100 for crude oil. Null: the
    -- file does not say.
    contract_value  numeric,
    -- Root of a derivative, as the platform spells it: NIFTY. Null: no derivative.
    underlying      text collate "C",
    -- All that a search looks at, in upper case.
    search_text     text collate "C" generated always as (upper(((((((((symbol || ' '::text) || broker_symbol) || ' '::text) || coalesce(name, ''::text)) || ' '::text) || token) || ' '::text) || coalesce(trim_scale(strike)::text, ''::text)) collate "C")) stored,
    -- As the file writes it: the largest order that the exchange takes, at some brokers the
    -- smallest that it does not. Null: the file does not say.
    freeze_quantity bigint,

    constraint instruments_pkey primary key (broker, exchange, symbol),
    constraint instruments_token_key unique (broker, exchange, token) deferrable,
    constraint instruments_contract_value_check check (contract_value > 0::numeric),
    constraint instruments_freeze_quantity_check check (freeze_quantity > 0),
    constraint instruments_lot_size_check check (lot_size >= 0),
    constraint instruments_strike_check check (strike > 0::numeric),
    constraint instruments_tick_size_check check (tick_size >= 0::numeric)
);

create index instruments_broker_symbol_idx on oadb.instruments using btree (broker, exchange, broker_symbol);
create index instruments_broker_text_idx on oadb.instruments using gin ((((broker || ' '::text) || ((length(symbol) / 5))::text)), search_text public.gin_trgm_ops, ((broker || ''::text))) with (gin_pending_list_limit='65536');
create index instruments_ranked_idx on oadb.instruments using btree (broker, length(symbol), upper(symbol), symbol, exchange);
create index instruments_underlying_idx on oadb.instruments using btree (broker, underlying, exchange, expiry) where (underlying is not null);

alter table oadb.instruments enable row level security, force row level security;

create policy read_policy on oadb.instruments for select to public
using (true);
create policy service_policy on oadb.instruments for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant delete, insert, maintain, select, update on table oadb.instruments to oadb_app;
grant select on table oadb.instruments to oadb_ro, oadb_user;

-- table oadb.ip_bans ------------------------------------------------------------------------------

-- Networks that are or were kept out; see active_ip_bans. A ban that is over tells of an offender.
create table oadb.ip_bans (
    -- An IPv4 address, or the /64 of an IPv6 address.
    network    inet not null,
    reason     text not null,
    -- How often it was banned, expired bans included.
    offences   bigint not null,
    banned_at  timestamp with time zone not null,
    -- Null: never.
    expires_at timestamp with time zone,
    -- Not written any more; see source and banned_by.
    created_by text not null default 'system'::text,
    -- Person: somebody banned it. Tracker: its requests did. Import: it was banned in OpenAlgo.
    source     text not null default 'person'::text,
    -- A user, if a person banned it; null: nobody was signed in. No foreign key: what was done
    -- outlives who did it, and ids are not used again.
    banned_by  bigint,

    constraint ip_bans_pkey primary key (network),
    constraint ip_bans_banned_at_check check (isfinite(banned_at)),
    constraint ip_bans_banned_by_check check (banned_by is null or source = 'person'::text),
    constraint ip_bans_created_by_check check (length(created_by) <= 254),
    constraint ip_bans_expires_at_check check (expires_at > banned_at and isfinite(expires_at)),
    constraint ip_bans_network_check check (network = network(network)::inet and masklen(network) =
    case
        when family(network) = 4 then 32
        else 64
    end),
    constraint ip_bans_offences_check check (offences >= 1),
    constraint ip_bans_reason_check check (length(reason) <= 500),
    constraint ip_bans_source_check check (source = any (array['person'::text, 'tracker'::text, 'import'::text]))
);

create index ip_bans_banned_at_idx on oadb.ip_bans using btree (banned_at, network);
create index ip_bans_expires_at_idx on oadb.ip_bans using btree (expires_at);

alter table oadb.ip_bans enable row level security, force row level security;

create policy service_policy on oadb.ip_bans for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

create trigger notes_delete after delete on oadb.ip_bans referencing old table as changed for each statement execute function oadb.note_ban_change();
create trigger notes_insert after insert on oadb.ip_bans referencing new table as changed for each statement execute function oadb.note_ban_change();
create trigger notes_truncate after truncate on oadb.ip_bans for each statement execute function oadb.note_ban_change();
create trigger notes_update after update on oadb.ip_bans referencing new table as changed for each statement execute function oadb.note_ban_change();
create trigger records_banned after insert on oadb.ip_bans for each row execute function oadb.record_security_event('banned', 'network', 'reason', 'offences', 'expires_at', 'source');
create trigger records_banned_again after update on oadb.ip_bans for each row when (old.network is distinct from new.network or old.offences is distinct from new.offences or old.banned_at is distinct from new.banned_at or old.expires_at is distinct from new.expires_at or old.source is distinct from new.source or old.banned_by is distinct from new.banned_by) execute function oadb.record_security_event('banned', 'network', 'reason', 'offences', 'expires_at', 'source');
create trigger records_unbanned after delete on oadb.ip_bans for each row when (coalesce(old.expires_at > now(), true)) execute function oadb.record_security_event('unbanned', 'network', 'offences');

grant delete, insert, select, update on table oadb.ip_bans to oadb_app;
grant select on table oadb.ip_bans to oadb_ro;

-- table oadb.ip_trackers --------------------------------------------------------------------------

-- What makes a network suspect, counted for 24 hours from the first hit.
create table oadb.ip_trackers (
    kind     text collate "C" not null,
    network  inet not null,
    hits     bigint not null,
    first_at timestamp with time zone not null,
    last_at  timestamp with time zone not null,
    -- Paths that were not there, or keyed digests of API keys that were wrong; different ones.
    samples  text[] not null,

    constraint ip_trackers_pkey primary key (kind, network),
    constraint ip_trackers_hits_check check (hits >= 1),
    constraint ip_trackers_kind_check check (kind = any (array['not_found'::text, 'bad_key'::text])),
    constraint ip_trackers_network_check check (network = network(network)::inet),
    constraint ip_trackers_samples_check check (cardinality(samples) <= 50)
) with (fillfactor=70);

create index ip_trackers_first_at_idx on oadb.ip_trackers using btree (first_at);

alter table oadb.ip_trackers enable row level security, force row level security;

create policy service_policy on oadb.ip_trackers for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant delete, insert, select, update on table oadb.ip_trackers to oadb_app;
grant select on table oadb.ip_trackers to oadb_ro;

-- table oadb.key_canaries -------------------------------------------------------------------------

-- A known value sealed under each key: who cannot open it has another key of the same id.
create table oadb.key_canaries (
    -- As in the key ring: 1 to 4294967295.
    key_id      bigint not null,
    canary      bytea not null,
    enrolled_at timestamp with time zone not null default now(),
    -- When it was last made primary by oadb keys promote. Null: never, such as the first key.
    promoted_at timestamp with time zone,

    constraint key_canaries_pkey primary key (key_id),
    constraint key_canaries_canary_check check (oadb.is_sealed(canary) and oadb.key_id_of(canary) = key_id)
);

alter table oadb.key_canaries enable row level security, force row level security;

create policy read_policy on oadb.key_canaries for select to public
using (true);
create policy service_policy on oadb.key_canaries for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

create trigger records_root_key_added after insert on oadb.key_canaries for each row execute function oadb.record_security_event('root_key_added', 'key_id');
create trigger records_root_key_added_again after update on oadb.key_canaries for each row when (old.key_id is distinct from new.key_id or old.canary is distinct from new.canary) execute function oadb.record_security_event('root_key_added', 'key_id');
create trigger records_root_key_promoted after update on oadb.key_canaries for each row when (old.promoted_at is distinct from new.promoted_at) execute function oadb.record_security_event('root_key_promoted', 'key_id');
create trigger records_root_key_retired after delete on oadb.key_canaries for each row execute function oadb.record_security_event('root_key_retired', 'key_id');

grant select on table oadb.key_canaries to oadb_app, oadb_user;
grant select (key_id, enrolled_at, promoted_at) on table oadb.key_canaries to oadb_ro;
grant delete, insert, select, update (promoted_at) on table oadb.key_canaries to oadb_rotate;

-- table oadb.known_devices ------------------------------------------------------------------------

-- Devices from which users signed in: failures elsewhere do not slow them. A token alone signs
-- nobody in.
create table oadb.known_devices (
    user_id      bigint not null,
    device_id    uuid not null default gen_random_uuid(),
    -- HMAC-SHA256 of the SHA-256 of the token, under the key that was primary at the last sign-in.
    token_digest bytea not null,
    -- The last time.
    signed_in_at timestamp with time zone not null default now(),
    -- When a sweep looks at it next. Moves only when a sweep has looked.
    sweep_at     timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,

    constraint known_devices_pkey primary key (user_id, device_id),
    constraint known_devices_token_digest_check check (octet_length(token_digest) = 32),
    constraint known_devices_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
) with (fillfactor=90);

create index known_devices_sweep_at_idx on oadb.known_devices using btree (sweep_at);

alter table oadb.known_devices enable row level security, force row level security;

create policy service_policy on oadb.known_devices for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.known_devices for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant delete, insert, select, update on table oadb.known_devices to oadb_app, oadb_user;
grant select (user_id, device_id, signed_in_at) on table oadb.known_devices to oadb_ro;

-- table oadb.known_networks -----------------------------------------------------------------------

-- Networks from which users signed in: for 30 days, failures elsewhere do not slow them there.
create table oadb.known_networks (
    user_id      bigint not null,
    -- An IPv4 address, or the /64 of an IPv6 address.
    network      inet not null,
    -- The last time.
    signed_in_at timestamp with time zone not null default now(),
    -- When a sweep looks at it next. Moves only when a sweep has looked.
    sweep_at     timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,

    constraint known_networks_pkey primary key (user_id, network),
    constraint known_networks_network_check check (network = oadb.client_network(network)),
    constraint known_networks_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
) with (fillfactor=90);

create index known_networks_network_idx on oadb.known_networks using btree (network);
create index known_networks_sweep_at_idx on oadb.known_networks using btree (sweep_at);

alter table oadb.known_networks enable row level security, force row level security;

create policy service_policy on oadb.known_networks for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.known_networks for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant delete, insert, select, update on table oadb.known_networks to oadb_app, oadb_user;
grant select on table oadb.known_networks to oadb_ro;

-- table oadb.latency ------------------------------------------------------------------------------

-- How long calls to brokers took, part by part.
create table oadb.latency (
    log_id        bigint not null generated always as identity,
    logged_at     timestamp with time zone not null,
    user_id       bigint,
    order_id      text,
    broker        text,
    symbol        text,
    order_type    text,
    -- From the request to the broker to its answer.
    rtt_ms        double precision,
    validation_ms double precision,
    response_ms   double precision,
    overhead_ms   double precision,
    total_ms      double precision not null,
    outcome       text not null,
    error         text,

    constraint latency_pkey primary key (logged_at, log_id),
    constraint latency_outcome_check check (outcome = any (array['succeeded'::text, 'failed'::text, 'partial'::text])),
    constraint latency_overhead_ms_check check (overhead_ms >= '-1000000000'::numeric::double precision and overhead_ms <= '1000000000'::numeric::double precision),
    constraint latency_response_ms_check check (response_ms >= 0::double precision and response_ms <= '1000000000'::numeric::double precision),
    constraint latency_rtt_ms_check check (rtt_ms >= 0::double precision and rtt_ms <= '1000000000'::numeric::double precision),
    constraint latency_total_ms_check check (total_ms >= 0::double precision and total_ms <= '1000000000'::numeric::double precision),
    constraint latency_validation_ms_check check (validation_ms >= 0::double precision and validation_ms <= '1000000000'::numeric::double precision)
) partition by range (logged_at);

alter table oadb.latency enable row level security, force row level security;

create policy owner_policy on oadb.latency for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.latency for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.latency for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant insert (logged_at, user_id, order_id, broker, symbol, order_type, rtt_ms, validation_ms,
    response_ms, overhead_ms, total_ms, outcome, error), select on table oadb.latency to oadb_app;
grant insert (logged_at, user_id, order_id, broker, symbol, order_type, rtt_ms, validation_ms,
    response_ms, overhead_ms, total_ms, outcome, error) on table oadb.latency to oadb_log;
grant select on table oadb.latency to oadb_ro, oadb_user;

-- table oadb.latency_default ----------------------------------------------------------------------

-- Rows of a time that has no partition; should be empty.
create table oadb.latency_default partition of oadb.latency default;

alter table oadb.latency_default enable row level security, force row level security;

create policy owner_policy on oadb.latency_default for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.latency_default for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.latency_default for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant select on table oadb.latency_default to oadb_app, oadb_ro;

-- table oadb.latency_rollups ----------------------------------------------------------------------

-- Calls to brokers by time, broker and part of the call, with a histogram. Outlive their rows.
create table oadb.latency_rollups (
    resolution   interval not null,
    started_at   timestamp with time zone not null,
    -- Empty: not said.
    broker       text collate "C" not null,
    part         text collate "C" not null,
    -- Of which this part was measured.
    calls        bigint not null,
    failed       bigint not null,
    partial      bigint not null,
    -- Calls of which this part took less.
    under_100_ms bigint not null,
    under_150_ms bigint not null,
    under_200_ms bigint not null,
    duration_ms  double precision not null,
    bins         smallint[] not null,
    counts       bigint[] not null,

    constraint latency_rollups_pkey primary key (resolution, started_at, broker, part),
    constraint latency_rollups_counts_check check (cardinality(bins) = cardinality(counts)),
    constraint latency_rollups_part_check check (part = any (array['rtt'::text, 'validation'::text, 'response'::text, 'overhead'::text, 'total'::text]))
) with (fillfactor=80, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000);

alter table oadb.latency_rollups enable row level security, force row level security;

create policy service_policy on oadb.latency_rollups for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.latency_rollups to oadb_app, oadb_ro;

-- table oadb.locked_clients -----------------------------------------------------------------------

-- Clients that have to wait, each with its row of this hour in login_attempts. Rows of earlier
-- hours are swept.
create table oadb.locked_clients (
    -- The beginning of the hour.
    hour_at  timestamp with time zone not null,
    -- As locked_network of login_attempts.
    network  text collate "C" not null,
    -- As locked_account of login_attempts.
    account  text collate "C" not null,
    -- As attempted_at of login_attempts.
    first_at timestamp with time zone not null default now(),
    tries    bigint not null default 1,

    constraint locked_clients_pkey primary key (hour_at, network, account),
    constraint locked_clients_tries_check check (tries >= 1)
);

alter table oadb.locked_clients enable row level security, force row level security;

create policy service_policy on oadb.locked_clients for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant delete, insert (hour_at, network, account), select, update (tries) on table
    oadb.locked_clients to oadb_app;
grant select on table oadb.locked_clients to oadb_ro;

-- table oadb.lockouts -----------------------------------------------------------------------------

-- Failed sign-ins in a row, by account name (also of nobody), network, both together, and device.
create table oadb.lockouts (
    kind       text collate "C" not null,
    -- A user name in lower case, a network (an IPv4 address; the /64, /56 or /48 of an IPv6
    -- address), both with a space between them, or the id of a known device.
    subject    text collate "C" not null,
    failures   bigint not null,
    -- The last try.
    failed_at  timestamp with time zone not null,
    -- Null: too few failures to lock.
    unlocks_at timestamp with time zone,
    -- Until when failures are forgotten, one by one.
    decayed_at timestamp with time zone not null default now(),
    -- When a sweep looks at it next. Moves only when a sweep has looked.
    sweep_at   timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,

    constraint lockouts_pkey primary key (kind, subject),
    constraint lockouts_failures_check check (failures >= 0),
    constraint lockouts_kind_check check (kind = any (array['account'::text, 'account_network'::text, 'device'::text, 'network'::text])),
    constraint lockouts_subject_check check (length(subject) >= 1 and length(subject) <= 600)
) with (fillfactor=70);

create index lockouts_sweep_at_idx on oadb.lockouts using btree (sweep_at);

alter table oadb.lockouts enable row level security, force row level security;

create policy service_policy on oadb.lockouts for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant delete, insert, select, update on table oadb.lockouts to oadb_app;
grant select on table oadb.lockouts to oadb_ro;

-- table oadb.log_batches --------------------------------------------------------------------------

-- Batches of logs that were stored; one whose answer was lost is not stored again.
create table oadb.log_batches (
    batch_id     uuid not null,
    table_name   text not null,
    rows         bigint not null,
    first_at     timestamp with time zone not null,
    last_at      timestamp with time zone not null,
    stored_at    timestamp with time zone not null default now(),
    -- Null: statistics read the rows of its minutes themselves.
    rolled_up_at timestamp with time zone,

    constraint log_batches_pkey primary key (batch_id),
    constraint log_batches_last_at_check check (last_at >= first_at)
);

create index log_batches_first_at_idx on oadb.log_batches using btree (table_name, first_at) include (last_at, batch_id) where (rolled_up_at is null);
create index log_batches_stored_at_idx on oadb.log_batches using btree (stored_at);

alter table oadb.log_batches enable row level security, force row level security;

create policy service_policy on oadb.log_batches for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant insert (batch_id, table_name, rows, first_at, last_at), select on table oadb.log_batches to
    oadb_app;
grant insert (batch_id, table_name, rows, first_at, last_at) on table oadb.log_batches to oadb_log;
grant select on table oadb.log_batches to oadb_ro;

-- table oadb.log_drops ----------------------------------------------------------------------------

-- How many rows of logs were given up since the last batch of a writer, for want of room.
create table oadb.log_drops (
    drop_id    bigint not null generated always as identity,
    dropped_at timestamp with time zone not null default now(),
    -- Host and process.
    writer     text not null,
    table_name text not null,
    rows       bigint not null,

    constraint log_drops_pkey primary key (drop_id),
    constraint log_drops_rows_check check (rows > 0)
);

create index log_drops_dropped_at_idx on oadb.log_drops using btree (dropped_at);

alter table oadb.log_drops enable row level security, force row level security;

create policy service_policy on oadb.log_drops for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant insert (writer, table_name, rows), select on table oadb.log_drops to oadb_app;
grant insert (writer, table_name, rows) on table oadb.log_drops to oadb_log;
grant select on table oadb.log_drops to oadb_ro;

-- table oadb.log_rejects --------------------------------------------------------------------------

-- Rows of logs that the table does not take; the others of their batch were stored.
create table oadb.log_rejects (
    reject_id   bigint not null generated always as identity,
    rejected_at timestamp with time zone not null default now(),
    batch_id    uuid not null,
    table_name  text not null,
    reason      text not null,
    -- The row as it was sent, redacted, cut.
    row_text    text not null,

    constraint log_rejects_pkey primary key (reject_id)
);

create index log_rejects_rejected_at_idx on oadb.log_rejects using btree (rejected_at);

alter table oadb.log_rejects enable row level security, force row level security;

create policy service_policy on oadb.log_rejects for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant insert (batch_id, table_name, reason, row_text), select on table oadb.log_rejects to oadb_app;
grant insert (batch_id, table_name, reason, row_text) on table oadb.log_rejects to oadb_log;
grant select on table oadb.log_rejects to oadb_ro;

-- table oadb.log_tables ---------------------------------------------------------------------------

-- Tables of logs and how they are partitioned.
create table oadb.log_tables (
    table_name    text not null,
    -- Of one partition, in UTC. By month where rows are kept long: each partition costs planning.
    period        text not null,
    -- What stands behind the name of the table in that of a partition: traffic_20261123.
    name_format   text not null,
    made_ahead    interval not null,
    -- When oadb maintain last came to its end.
    maintained_at timestamp with time zone not null default now(),
    -- By which the table is partitioned.
    time_column   text not null default 'logged_at'::text,

    constraint log_tables_pkey primary key (table_name),
    constraint log_tables_period_check check (period = 'day'::text and name_format = 'YYYYMMDD'::text or period = 'month'::text and name_format = 'YYYYMM'::text)
);

alter table oadb.log_tables enable row level security, force row level security;

create policy service_policy on oadb.log_tables for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.log_tables to oadb_app, oadb_ro;

insert into oadb.log_tables (table_name, period, name_format, made_ahead, time_column) values
('analyzer_logs', 'month', 'YYYYMM', '2 mons', 'logged_at'),
('api_logs', 'month', 'YYYYMM', '2 mons', 'logged_at'),
('latency', 'day', 'YYYYMMDD', '7 days', 'logged_at'),
('login_attempts', 'month', 'YYYYMM', '2 mons', 'attempted_at'),
('traffic', 'day', 'YYYYMMDD', '7 days', 'logged_at');

-- table oadb.login_attempts -----------------------------------------------------------------------

-- Audit: every sign-in that was tried. Rows are never changed, but those of a client that has to
-- wait: its further tries within the hour are counted.
create table oadb.login_attempts (
    attempt_id     bigint not null generated always as identity,
    attempted_at   timestamp with time zone not null default now(),
    -- As it was given, whether or not it exists.
    username       text not null,
    -- Who was meant. Null: nobody of that name. No foreign key: an attempt outlives the user, and
    -- ids are not used again.
    user_id        bigint,
    ip             inet,
    device         text,
    broker         text,
    method         text not null,
    -- Unverified: the password was not compared, because capacity or the database was not
    -- available. Code_needed: the password was right, and a code of the second factor is required
    -- as well.
    outcome        text not null,
    reason         text,
    -- How many tries of a client that has to wait.
    tries          bigint not null default 1,
    -- The last of several tries; null: there is one.
    last_at        timestamp with time zone,
    -- The hour, of a client that has to wait; null in other rows.
    locked_hour_at timestamp with time zone,
    -- The widest network of that client.
    locked_network text,
    -- The account that has to wait; empty: the network has to, whichever account it names.
    locked_account text,

    constraint login_attempts_pkey primary key (attempted_at, attempt_id),
    constraint login_attempts_broker_check check (length(broker) >= 1 and length(broker) <= 50),
    constraint login_attempts_device_check check (length(device) >= 1 and length(device) <= 500),
    constraint login_attempts_method_check check (method = any (array['password'::text, 'oauth'::text, 'resume'::text, 'code'::text])),
    constraint login_attempts_outcome_check check (outcome = any (array['succeeded'::text, 'failed'::text, 'locked'::text, 'unverified'::text, 'resumed'::text, 'code_needed'::text])),
    constraint login_attempts_reason_check check (length(reason) >= 1 and length(reason) <= 500),
    constraint login_attempts_tries_check check (tries >= 1),
    constraint login_attempts_username_check check (length(username) >= 1 and length(username) <= 254)
) partition by range (attempted_at);

create index login_attempts_outcome_idx on only oadb.login_attempts using btree (outcome, attempted_at, attempt_id);
create index login_attempts_user_id_idx on only oadb.login_attempts using btree (user_id, attempted_at);

alter table oadb.login_attempts enable row level security, force row level security;

create policy service_policy on oadb.login_attempts for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.login_attempts for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant delete, insert (username, user_id, ip, device, broker, method, outcome, reason,
    locked_hour_at, locked_network, locked_account), select, update (tries, last_at) on table
    oadb.login_attempts to oadb_app;
grant insert (username, user_id, ip, device, broker, method, outcome, reason) on table
    oadb.login_attempts to oadb_log;
grant select on table oadb.login_attempts to oadb_ro, oadb_user;

-- table oadb.login_attempts_default ---------------------------------------------------------------

-- Rows of a time that has no partition; should be empty.
create table oadb.login_attempts_default partition of oadb.login_attempts default;

alter table oadb.login_attempts_default enable row level security, force row level security;

create policy service_policy on oadb.login_attempts_default for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.login_attempts_default for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant select on table oadb.login_attempts_default to oadb_app, oadb_ro;

-- table oadb.one_time_tokens ----------------------------------------------------------------------

-- What users may do once without being signed in. Used and expired ones are swept.
create table oadb.one_time_tokens (
    user_id      bigint not null,
    token_id     uuid not null,
    purpose      text not null,
    -- HMAC-SHA256 of the SHA-256 of the token, under the key that was primary when it was made.
    token_digest bytea not null,
    -- The same of token, user, id, purpose and new address: a copied digest is not enough.
    binding      bytea not null,
    -- That of the user when it was made: a new password makes it void.
    auth_epoch   bigint not null,
    -- The address of the user when it was made: a new one makes it void.
    email        text not null,
    -- What an email_change gives the user.
    new_email    text,
    created_at   timestamp with time zone not null default now(),
    expires_at   timestamp with time zone not null,
    used_at      timestamp with time zone,

    constraint one_time_tokens_pkey primary key (user_id, token_id),
    constraint one_time_tokens_binding_check check (octet_length(binding) = 32),
    constraint one_time_tokens_expires_at_check check (expires_at > created_at and expires_at <= (created_at + '3 days'::interval)),
    constraint one_time_tokens_new_email_check check ((purpose = 'email_change'::text) = (new_email is not null) and length(new_email) >= 3 and length(new_email) <= 254),
    constraint one_time_tokens_purpose_check check (purpose = any (array['password_reset'::text, 'activation'::text, 'email_change'::text])),
    constraint one_time_tokens_token_digest_check check (octet_length(token_digest) = 32),
    constraint one_time_tokens_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
);

create index one_time_tokens_expires_at_idx on oadb.one_time_tokens using btree (expires_at);
create index one_time_tokens_token_digest_idx on oadb.one_time_tokens using btree (token_digest);

alter table oadb.one_time_tokens enable row level security, force row level security;

create policy service_policy on oadb.one_time_tokens for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.one_time_tokens for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger records_one_time_token_changed after update on oadb.one_time_tokens for each row when (old.purpose is distinct from new.purpose or old.token_digest is distinct from new.token_digest or old.binding is distinct from new.binding or old.auth_epoch is distinct from new.auth_epoch or old.email is distinct from new.email or old.new_email is distinct from new.new_email or old.expires_at <> new.expires_at or old.used_at is not null and new.used_at is null) execute function oadb.record_security_event('one_time_token_issued', 'token_id', 'purpose', 'new_email', 'expires_at');
create trigger records_one_time_token_issued after insert on oadb.one_time_tokens for each row execute function oadb.record_security_event('one_time_token_issued', 'token_id', 'purpose', 'new_email', 'expires_at');
create trigger records_one_time_token_revoked after delete on oadb.one_time_tokens for each row when (old.used_at is null and old.expires_at > now()) execute function oadb.record_security_event('one_time_token_revoked', 'token_id', 'purpose');
create trigger records_one_time_token_used after update on oadb.one_time_tokens for each row when (old.used_at is null and new.used_at is not null) execute function oadb.record_security_event('one_time_token_used', 'token_id', 'purpose');

grant delete, insert, select, update on table oadb.one_time_tokens to oadb_app, oadb_user;
grant select (user_id, token_id, purpose, auth_epoch, email, new_email, created_at, expires_at,
    used_at) on table oadb.one_time_tokens to oadb_ro;

-- table oadb.pending_orders -----------------------------------------------------------------------

-- Orders that wait for a person: pending, then approved or rejected; approved, then sent or failed.
create table oadb.pending_orders (
    user_id          bigint not null,
    pending_order_id bigint not null generated always as identity,
    -- What was asked for: placeorder, smartorder.
    api_type         text not null,
    -- The order as it was asked for, without secrets.
    order_data       jsonb not null,
    -- approved: on its way to the broker, or its process died; whether it arrived, the broker
    -- knows.
    status           text not null default 'pending'::text,
    created_at       timestamp with time zone not null default now(),
    decided_at       timestamp with time zone,
    -- Null once it was decided: the platform rejected it, at the end of a day.
    decided_by       bigint,
    -- Why it was rejected, or why it failed.
    reason           text,
    answered_at      timestamp with time zone,
    broker_order_id  text,
    broker_status    text,

    constraint pending_orders_pkey primary key (user_id, pending_order_id),
    constraint pending_orders_answered_at_check check ((answered_at is not null) = (status = any (array['sent'::text, 'failed'::text]))),
    constraint pending_orders_api_type_check check (api_type ~ '^[a-z0-9_]{1,50}$'::text),
    constraint pending_orders_broker_order_id_check check (length(broker_order_id) >= 1 and length(broker_order_id) <= 255 and (broker_order_id is null or answered_at is not null)),
    constraint pending_orders_broker_status_check check (length(broker_status) >= 1 and length(broker_status) <= 255 and (broker_status is null or answered_at is not null)),
    constraint pending_orders_decided_at_check check ((decided_at is null) = (status = 'pending'::text)),
    constraint pending_orders_decided_by_check check (
    case
        when status = 'pending'::text then decided_by is null
        when status <> 'rejected'::text then decided_by is not null and decided_by = user_id
        else null::boolean
    end),
    constraint pending_orders_order_data_check check (jsonb_typeof(order_data) = 'object'::text),
    constraint pending_orders_order_data_secret_check check (not jsonb_path_exists(order_data, '$.**?(@.type() == "object").keyvalue()."key"?(@ like_regex "api[-_ ]?key$" flag "i")'::jsonpath)),
    constraint pending_orders_order_data_size_check check (octet_length(order_data::text) <= 65536),
    constraint pending_orders_reason_check check (length(reason) >= 1 and length(reason) <= 500),
    constraint pending_orders_status_check check (status = any (array['pending'::text, 'approved'::text, 'rejected'::text, 'sent'::text, 'failed'::text])),
    constraint pending_orders_symbol_check check (status <> 'pending'::text or not oadb.has_blank_symbol(order_data)),
    constraint pending_orders_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
);

create index pending_orders_created_at_idx on oadb.pending_orders using btree (created_at);
create index pending_orders_status_idx on oadb.pending_orders using btree (user_id, status, pending_order_id);

alter table oadb.pending_orders enable row level security, force row level security;

create policy service_policy on oadb.pending_orders for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.pending_orders for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint)
with check (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint and (status = 'pending'::text or decided_by = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint));

create trigger records_order_approved after update on oadb.pending_orders for each row when (new.status = 'approved'::text and (old.status is distinct from new.status or old.decided_by is distinct from new.decided_by)) execute function oadb.record_security_event('order_approved', 'pending_order_id', 'api_type');
create trigger records_order_rejected after update on oadb.pending_orders for each row when (new.status = 'rejected'::text and (old.status is distinct from new.status or old.decided_by is distinct from new.decided_by)) execute function oadb.record_security_event('order_rejected', 'pending_order_id', 'api_type');

grant delete, insert (user_id, api_type, order_data), select, update (status, decided_at,
    decided_by, reason, answered_at, broker_order_id, broker_status) on table oadb.pending_orders to
    oadb_app, oadb_user;
grant select on table oadb.pending_orders to oadb_ro;

-- table oadb.role_privileges ----------------------------------------------------------------------

-- What each role may do with each table. Changed by migrations; see oadb.grant_privileges().
create table oadb.role_privileges (
    role_name   text not null,
    table_name  text not null,
    -- As in GRANT: select, update (email).
    privileges  text not null,
    -- oadb, or that of a service.
    schema_name text not null default 'oadb'::text,

    constraint role_privileges_pkey primary key (schema_name, role_name, table_name),
    constraint role_privileges_privileges_check check (privileges ~ '^[a-z_(), \n]+$'::text)
);

alter table oadb.role_privileges enable row level security, force row level security;

create policy service_policy on oadb.role_privileges for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

create trigger records_role_changed after insert or delete or update on oadb.role_privileges for each row execute function oadb.record_security_event('role_changed', 'schema_name', 'role_name', 'table_name', 'privileges');

insert into oadb.role_privileges (role_name, table_name, privileges) values
('oadb_app', 'active_ip_bans', 'select'),
('oadb_app', 'analyzer_logs', 'select, insert (logged_at, user_id, api_type, request, response)'),
('oadb_app', 'analyzer_logs_default', 'select'),
('oadb_app', 'api_keys', 'select, insert, update'),
('oadb_app', 'api_logs', 'select, insert (logged_at, user_id, endpoint, method, status, ip, request, response, error)'),
('oadb_app', 'api_logs_default', 'select'),
('oadb_app', 'app_setting_changes', 'select, insert (changed_by, group_name, field, old_value, new_value)'),
('oadb_app', 'applied_migrations', 'select'),
('oadb_app', 'ban_changes', 'select'),
('oadb_app', 'ban_exemptions', 'select, delete, insert (network, reason), update (reason)'),
('oadb_app', 'ban_rules', 'select'),
('oadb_app', 'broker_tokens', 'select, insert, update'),
('oadb_app', 'changes', 'select, insert (table_name, user_id, key)'),
('oadb_app', 'claims', 'select, insert, update'),
('oadb_app', 'instrument_loads', 'select, insert, update'),
('oadb_app', 'instrument_staging', 'select, insert, delete'),
('oadb_app', 'instruments', 'select, insert, update, delete'),
('oadb_app', 'ip_bans', 'select, insert, update, delete'),
('oadb_app', 'ip_trackers', 'select, insert, update, delete'),
('oadb_app', 'key_canaries', 'select'),
('oadb_app', 'known_devices', 'select, insert, update, delete'),
('oadb_app', 'known_networks', 'select, insert, update, delete'),
('oadb_app', 'latency', 'select, insert (logged_at, user_id, order_id, broker, symbol, order_type, rtt_ms, validation_ms, response_ms, overhead_ms, total_ms, outcome, error)'),
('oadb_app', 'latency_default', 'select'),
('oadb_app', 'latency_parts', 'select'),
('oadb_app', 'latency_rollups', 'select'),
('oadb_app', 'locked_clients', 'select, delete, insert (hour_at, network, account), update (tries)'),
('oadb_app', 'lockouts', 'select, insert, update, delete'),
('oadb_app', 'log_batches', 'select, insert (batch_id, table_name, rows, first_at, last_at)'),
('oadb_app', 'log_drops', 'select, insert (writer, table_name, rows)'),
('oadb_app', 'log_periods', 'select'),
('oadb_app', 'log_rejects', 'select, insert (batch_id, table_name, reason, row_text)'),
('oadb_app', 'log_tables', 'select'),
('oadb_app', 'login_attempts', 'select, delete, update (tries, last_at), insert (username, user_id, ip, device, broker, method, outcome, reason, locked_hour_at, locked_network, locked_account)'),
('oadb_app', 'login_attempts_default', 'select'),
('oadb_app', 'networks_in_use', 'select'),
('oadb_app', 'one_time_tokens', 'select, insert, update, delete'),
('oadb_app', 'pending_orders', 'select, insert (user_id, api_type, order_data), delete, update (status, decided_at, decided_by, reason, answered_at, broker_order_id, broker_status)'),
('oadb_app', 'second_factors', 'select, insert, update, delete'),
('oadb_app', 'security_event_links', 'select'),
('oadb_app', 'security_events', 'select'),
('oadb_app', 'security_settings', 'select, update'),
('oadb_app', 'sessions', 'select, insert, update, delete'),
('oadb_app', 'setting_changes', 'select, insert (user_id, changed_by, name, old_value, new_value)'),
('oadb_app', 'settings', 'select, insert, update, delete'),
('oadb_app', 'smtp_settings', 'select, update (server, port, user_name, from_address, helo_name, is_tls_used, password)'),
('oadb_app', 'strategies', 'select, insert, update, delete'),
('oadb_app', 'strategies_with_mappings', 'select'),
('oadb_app', 'strategy_mappings', 'select, insert, update, delete'),
('oadb_app', 'trading_mode', 'select, update (mode, set_by)'),
('oadb_app', 'traffic', 'select, insert (logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id, error)'),
('oadb_app', 'traffic_default', 'select'),
('oadb_app', 'traffic_rollups', 'select'),
('oadb_app', 'user_tables', 'select'),
('oadb_app', 'users', 'select, delete, insert (username, email, first_name, last_name, is_admin), update (username, is_admin, disabled_at, access_set_by, email, first_name, last_name, password_hash, auth_epoch, updated_at)'),
('oadb_app', 'wanted_policies', 'select'),
('oadb_log', 'analyzer_logs', 'insert (logged_at, user_id, api_type, request, response)'),
('oadb_log', 'api_logs', 'insert (logged_at, user_id, endpoint, method, status, ip, request, response, error)'),
('oadb_log', 'latency', 'insert (logged_at, user_id, order_id, broker, symbol, order_type, rtt_ms, validation_ms, response_ms, overhead_ms, total_ms, outcome, error)'),
('oadb_log', 'log_batches', 'insert (batch_id, table_name, rows, first_at, last_at)'),
('oadb_log', 'log_drops', 'insert (writer, table_name, rows)'),
('oadb_log', 'log_rejects', 'insert (batch_id, table_name, reason, row_text)'),
('oadb_log', 'login_attempts', 'insert (username, user_id, ip, device, broker, method, outcome, reason)'),
('oadb_log', 'traffic', 'insert (logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id, error)'),
('oadb_log', 'users', 'select (user_id, username_key)'),
('oadb_ro', 'active_ip_bans', 'select'),
('oadb_ro', 'analyzer_logs', 'select'),
('oadb_ro', 'analyzer_logs_default', 'select'),
('oadb_ro', 'api_keys', 'select (user_id, api_key_id, name, hint, key_id, scopes, order_mode, created_at, rotated_at, last_used_at, expires_at, revoked_at)'),
('oadb_ro', 'api_logs', 'select'),
('oadb_ro', 'api_logs_default', 'select'),
('oadb_ro', 'app_setting_changes', 'select'),
('oadb_ro', 'applied_migrations', 'select'),
('oadb_ro', 'ban_changes', 'select'),
('oadb_ro', 'ban_exemptions', 'select'),
('oadb_ro', 'ban_rules', 'select'),
('oadb_ro', 'broker_tokens', 'select (user_id, broker, client_id, key_id, created_at, updated_at, expires_at, revoked_at, swept_expires_at)'),
('oadb_ro', 'changes', 'select'),
('oadb_ro', 'deleted_users', 'select'),
('oadb_ro', 'imported_rows', 'select (installation, table_name, row_id, target, compared_at)'),
('oadb_ro', 'imports', 'select'),
('oadb_ro', 'instrument_loads', 'select'),
('oadb_ro', 'instruments', 'select'),
('oadb_ro', 'ip_bans', 'select'),
('oadb_ro', 'ip_trackers', 'select'),
('oadb_ro', 'key_canaries', 'select (key_id, enrolled_at, promoted_at)'),
('oadb_ro', 'known_devices', 'select (user_id, device_id, signed_in_at)'),
('oadb_ro', 'known_networks', 'select'),
('oadb_ro', 'latency', 'select'),
('oadb_ro', 'latency_default', 'select'),
('oadb_ro', 'latency_parts', 'select'),
('oadb_ro', 'latency_rollups', 'select'),
('oadb_ro', 'locked_clients', 'select'),
('oadb_ro', 'lockouts', 'select'),
('oadb_ro', 'log_batches', 'select'),
('oadb_ro', 'log_drops', 'select'),
('oadb_ro', 'log_periods', 'select'),
('oadb_ro', 'log_rejects', 'select'),
('oadb_ro', 'log_tables', 'select'),
('oadb_ro', 'login_attempts', 'select'),
('oadb_ro', 'login_attempts_default', 'select'),
('oadb_ro', 'networks_in_use', 'select'),
('oadb_ro', 'one_time_tokens', 'select (user_id, token_id, purpose, auth_epoch, email, new_email, created_at, expires_at, used_at)'),
('oadb_ro', 'pending_orders', 'select'),
('oadb_ro', 'second_factors', 'select (user_id, key_id, failures, wrong_at, unlocks_at, is_required_for_login, is_required_for_mcp, is_required_for_password_reset, created_at, confirmed_at, recovery_used)'),
('oadb_ro', 'security_event_links', 'select'),
('oadb_ro', 'security_events', 'select'),
('oadb_ro', 'security_settings', 'select'),
('oadb_ro', 'sessions', 'select (user_id, session_id, key_id, device, ip, broker, created_at, last_seen_at, idle_timeout, lapses_at, expires_at, authenticated_at, assurance)'),
('oadb_ro', 'setting_changes', 'select'),
('oadb_ro', 'settings', 'select'),
('oadb_ro', 'smtp_settings', 'select (singleton_id, server, port, user_name, from_address, helo_name, is_tls_used, key_id)'),
('oadb_ro', 'strategies', 'select (user_id, strategy_id, name, platform, trading_mode, definition, is_active, is_intraday, start_time, end_time, squareoff_time, time_zone, webhook_hint, key_id, webhook_revoked_at, created_at, updated_at)'),
('oadb_ro', 'strategies_with_mappings', 'select'),
('oadb_ro', 'strategy_mappings', 'select'),
('oadb_ro', 'trading_mode', 'select'),
('oadb_ro', 'traffic', 'select'),
('oadb_ro', 'traffic_default', 'select'),
('oadb_ro', 'traffic_rollups', 'select'),
('oadb_ro', 'user_tables', 'select'),
('oadb_ro', 'users', 'select (user_id, username, username_key, email, email_key, first_name, last_name, is_admin, auth_epoch, password_key_id, created_at, updated_at, disabled_at, access_set_by)'),
('oadb_ro', 'wanted_policies', 'select'),
('oadb_rotate', 'api_keys', 'select (user_id, api_key_id, fingerprint, kept_token, key_id), update (token_digest, fingerprint, kept_token)'),
('oadb_rotate', 'broker_tokens', 'select (user_id, broker, access_token, refresh_token, feed_token, parameters, key_id), update (access_token, refresh_token, feed_token, parameters, content_digest)'),
('oadb_rotate', 'key_canaries', 'select, insert, delete, update (promoted_at)'),
('oadb_rotate', 'second_factors', 'select (user_id, secret, key_id), update (secret)'),
('oadb_rotate', 'sessions', 'select (user_id, session_id, fingerprint, key_id), update (token_digest, fingerprint)'),
('oadb_rotate', 'smtp_settings', 'select (singleton_id, password, key_id), update (password)'),
('oadb_rotate', 'strategies', 'select (user_id, strategy_id, fingerprint, key_id), update (token_digest, fingerprint)'),
('oadb_rotate', 'users', 'select (user_id, password_hash, password_key_id), update (password_hash)'),
('oadb_user', 'analyzer_logs', 'select'),
('oadb_user', 'api_keys', 'select, insert, update'),
('oadb_user', 'api_logs', 'select'),
('oadb_user', 'broker_tokens', 'select, insert, update'),
('oadb_user', 'changes', 'select, insert (table_name, user_id, key)'),
('oadb_user', 'instrument_loads', 'select'),
('oadb_user', 'instruments', 'select'),
('oadb_user', 'key_canaries', 'select'),
('oadb_user', 'known_devices', 'select, insert, update, delete'),
('oadb_user', 'known_networks', 'select, insert, update, delete'),
('oadb_user', 'latency', 'select'),
('oadb_user', 'login_attempts', 'select'),
('oadb_user', 'one_time_tokens', 'select, insert, update, delete'),
('oadb_user', 'pending_orders', 'select, insert (user_id, api_type, order_data), delete, update (status, decided_at, decided_by, reason, answered_at, broker_order_id, broker_status)'),
('oadb_user', 'second_factors', 'select, insert, update, delete'),
('oadb_user', 'security_events', 'select'),
('oadb_user', 'sessions', 'select, insert, update, delete'),
('oadb_user', 'setting_changes', 'select, insert (user_id, changed_by, name, old_value, new_value)'),
('oadb_user', 'settings', 'select, insert, update, delete'),
('oadb_user', 'strategies', 'select, insert, update, delete'),
('oadb_user', 'strategies_with_mappings', 'select'),
('oadb_user', 'strategy_mappings', 'select, insert, update, delete'),
('oadb_user', 'trading_mode', 'select'),
('oadb_user', 'traffic', 'select'),
('oadb_user', 'users', 'select, delete, update (email, first_name, last_name, password_hash, auth_epoch, updated_at)');

-- table oadb.second_factors -----------------------------------------------------------------------

-- Users who have a TOTP generator, confirmed or not yet.
create table oadb.second_factors (
    user_id                        bigint not null,
    -- Sealed: what the generator shares with us, in base32.
    secret                         bytea not null,
    -- The key that the secret is sealed under.
    key_id                         bigint generated always as (oadb.key_id_of(secret)) stored,
    -- The 30 seconds (counted since 1970) of the last accepted code: none is accepted twice.
    last_step                      bigint not null default 0,
    -- Wrong codes since the last right one.
    failures                       bigint not null default 0,
    -- Until then no code is looked at.
    unlocks_at                     timestamp with time zone,
    is_required_for_login          boolean not null default true,
    is_required_for_mcp            boolean not null default false,
    is_required_for_password_reset boolean not null default true,
    -- When this generator was made: by it a code is known to be of this one, under whatever key.
    created_at                     timestamp with time zone not null default now(),
    -- When the user proved to have the generator. Null: it is required for nothing yet.
    confirmed_at                   timestamp with time zone,
    -- When a wrong code was last given.
    wrong_at                       timestamp with time zone,
    -- Of it and the secret the recovery codes are made. Null: there are none.
    recovery_salt                  bytea,
    -- A bit for each code that was used. Null: there are none.
    recovery_used                  bigint,

    constraint second_factors_pkey primary key (user_id),
    constraint second_factors_failures_check check (failures >= 0),
    constraint second_factors_recovery_salt_check check (octet_length(recovery_salt) = 16),
    constraint second_factors_recovery_used_check check (recovery_used >= 0 and recovery_used <= 1023),
    constraint second_factors_secret_check check (oadb.is_sealed(secret)),
    constraint second_factors_key_id_fkey foreign key (key_id) references oadb.key_canaries(key_id),
    constraint second_factors_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
) with (fillfactor=90);

create index second_factors_key_id_idx on oadb.second_factors using btree (key_id, user_id);

alter table oadb.second_factors enable row level security, force row level security;

create policy service_policy on oadb.second_factors for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.second_factors for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger records_recovery_code_used after update on oadb.second_factors for each row when (old.recovery_used is distinct from new.recovery_used and not old.recovery_salt is distinct from new.recovery_salt) execute function oadb.record_security_event('second_factor_used', 'recovery_used');
create trigger records_recovery_codes_made after update on oadb.second_factors for each row when (old.recovery_salt is distinct from new.recovery_salt) execute function oadb.record_security_event('recovery_codes_made');
create trigger records_second_factor_changed after update on oadb.second_factors for each row when (old.is_required_for_login is distinct from new.is_required_for_login or old.is_required_for_mcp is distinct from new.is_required_for_mcp or old.is_required_for_password_reset is distinct from new.is_required_for_password_reset or old.confirmed_at is not null and new.confirmed_at is null) execute function oadb.record_security_event('second_factor_changed', 'is_required_for_login', 'is_required_for_mcp', 'is_required_for_password_reset', 'confirmed_at');
create trigger records_second_factor_confirmed after update on oadb.second_factors for each row when (old.confirmed_at is null and new.confirmed_at is not null) execute function oadb.record_security_event('second_factor_confirmed');
create trigger records_second_factor_enrolled after insert on oadb.second_factors for each row execute function oadb.record_security_event('second_factor_enrolled', 'confirmed_at');
create trigger records_second_factor_enrolled_again after update on oadb.second_factors for each row when (old.secret <> new.secret and (old.created_at <> new.created_at or new.key_id <= old.key_id)) execute function oadb.record_security_event('second_factor_enrolled', 'confirmed_at');
create trigger records_second_factor_removed after delete on oadb.second_factors for each row execute function oadb.record_security_event('second_factor_removed');
create trigger records_second_factor_used after update on oadb.second_factors for each row when (old.confirmed_at is not null and old.last_step < new.last_step) execute function oadb.record_security_event('second_factor_used');
create trigger records_second_factor_wrong after update on oadb.second_factors for each row when (old.wrong_at is distinct from new.wrong_at) execute function oadb.record_security_event('second_factor_wrong', 'failures');

grant delete, insert, select, update on table oadb.second_factors to oadb_app, oadb_user;
grant select (user_id, key_id, failures, unlocks_at, is_required_for_login, is_required_for_mcp,
    is_required_for_password_reset, created_at, confirmed_at, wrong_at, recovery_used) on table
    oadb.second_factors to oadb_ro;
grant select (user_id, secret, key_id), update (secret) on table oadb.second_factors to oadb_rotate;

-- table oadb.security_event_links -----------------------------------------------------------------

-- The chain of security events. Of a day whose events have expired, its last link stays.
create table oadb.security_event_links (
    -- In UTC: that of the event, or a later one.
    day        date not null,
    -- In the day: 1, 2, 3.
    "position" bigint not null,
    -- No foreign key: a lost event is noticed.
    event_id   bigint not null,
    -- SHA-256 of the checksum before it, which may be of an earlier day, and of the line that oadb
    -- audit export writes for the event, without the checksum. Before the first: 32 zero bytes.
    checksum   bytea not null,

    constraint security_event_links_pkey primary key (day, "position"),
    constraint security_event_links_event_id_key unique (event_id),
    constraint security_event_links_checksum_check check (octet_length(checksum) = 32),
    constraint security_event_links_day_check check (isfinite(day)),
    constraint security_event_links_position_check check ("position" >= 1)
);

alter table oadb.security_event_links enable row level security, force row level security;

create policy service_policy on oadb.security_event_links for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

create trigger keep_recent_rows before delete on oadb.security_event_links for each row when (old.day > ((now() at time zone 'UTC'::text)::date - 90)) execute function oadb.keep_security_events();
create trigger keep_rows before update or truncate on oadb.security_event_links for each statement execute function oadb.keep_security_events();

grant select on table oadb.security_event_links to oadb_app, oadb_ro;

-- table oadb.security_events ----------------------------------------------------------------------

-- Audit: what changed who may do what. Written by triggers alone; rows are never changed.
create table oadb.security_events (
    event_id    bigint not null generated always as identity,
    happened_at timestamp with time zone not null default clock_timestamp(),
    -- What happened, as its trigger names it. A CHECK of all names would be parsed anew for each
    -- event, and take most of its time.
    kind        text not null,
    -- Whom it concerns; null: nobody in particular. No foreign key: the event outlives the user.
    user_id     bigint,
    -- The user who did it. Null: the platform, or nobody was signed in.
    acted_by    bigint,
    -- The role that connected.
    db_role     text not null,
    -- Of the client. Null: not known.
    ip          inet,
    -- What is not secret: a value, or {"old": ..., "new": ...} if it changed; texts up to 254
    -- characters.
    detail      jsonb not null default '{}'::jsonb,

    constraint security_events_pkey primary key (event_id),
    constraint security_events_detail_check check (jsonb_typeof(detail) = 'object'::text and pg_column_size(detail) <= 32768),
    constraint security_events_happened_at_check check (isfinite(happened_at)),
    constraint security_events_kind_check check (kind ~ '^[a-z_]{1,40}$'::text)
);

create index security_events_happened_at_idx on oadb.security_events using btree (happened_at, event_id);
create index security_events_user_id_idx on oadb.security_events using btree (user_id, happened_at, event_id);

alter table oadb.security_events enable row level security, force row level security;

create policy service_policy on oadb.security_events for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.security_events for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger keep_recent_rows before delete on oadb.security_events for each row when (old.happened_at > (now() - '90 days'::interval)) execute function oadb.keep_security_events();
create trigger keep_rows before update or truncate on oadb.security_events for each statement execute function oadb.keep_security_events();

grant select on table oadb.security_events to oadb_app, oadb_ro, oadb_user;

-- table oadb.security_settings --------------------------------------------------------------------

-- One row: when an address is banned, and for how long.
create table oadb.security_settings (
    singleton_id          bigint not null default 1,
    is_auto_ban_enabled   boolean not null default false,
    threshold_404         bigint not null default 100,
    -- Hours, at most ten years. 0: for ever; so for ban_duration_api.
    ban_duration_404      bigint not null default 0,
    threshold_api         bigint not null default 100,
    ban_duration_api      bigint not null default 0,
    repeat_offender_limit bigint not null default 2,

    constraint security_settings_pkey primary key (singleton_id),
    constraint security_settings_ban_duration_404_check check (ban_duration_404 >= 0 and ban_duration_404 <= 87600),
    constraint security_settings_ban_duration_api_check check (ban_duration_api >= 0 and ban_duration_api <= 87600),
    constraint security_settings_repeat_offender_limit_check check (repeat_offender_limit >= 0 and repeat_offender_limit <= 1000000),
    constraint security_settings_singleton_id_check check (singleton_id = 1),
    constraint security_settings_threshold_404_check check (threshold_404 >= 0 and threshold_404 <= 1000000),
    constraint security_settings_threshold_api_check check (threshold_api >= 0 and threshold_api <= 1000000)
);

alter table oadb.security_settings enable row level security, force row level security;

create policy service_policy on oadb.security_settings for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select, update on table oadb.security_settings to oadb_app;
grant select on table oadb.security_settings to oadb_ro;

insert into oadb.security_settings (singleton_id) values
(1);

-- table oadb.sessions -----------------------------------------------------------------------------

-- Sign-ins that have neither been ended nor swept.
create table oadb.sessions (
    user_id          bigint not null,
    session_id       uuid not null,
    -- HMAC-SHA256 of the SHA-256 of the token.
    token_digest     bytea not null,
    -- Sealed: the SHA-256 of the token, from which a digest under a new key can be made.
    fingerprint      bytea not null,
    -- The key of both the digest and the fingerprint.
    key_id           bigint generated always as (oadb.key_id_of(fingerprint)) stored,
    device           text,
    ip               inet,
    broker           text,
    -- What the service keeps with the session; no secrets.
    data             jsonb not null default '{}'::jsonb,
    created_at       timestamp with time zone not null default now(),
    -- To the minute: written at most once in each.
    last_seen_at     timestamp with time zone not null default now(),
    idle_timeout     interval not null,
    -- last_seen_at and idle_timeout, but not beyond expires_at; from then on the session is no
    -- more.
    lapses_at        timestamp with time zone not null,
    -- Fixed when the session is created.
    expires_at       timestamp with time zone not null,
    -- When the user last proved who it is.
    authenticated_at timestamp with time zone not null default clock_timestamp(),
    -- 1: a password, or what an identity provider said; 2: a second factor as well.
    assurance        bigint not null default 1,
    -- When a sweep looks at it next; it lapses then or later. Moves only when a sweep has looked.
    sweep_at         timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,

    constraint sessions_pkey primary key (user_id, session_id),
    constraint sessions_assurance_check check (assurance = any (array[1::bigint, 2::bigint])),
    constraint sessions_authenticated_at_check check (isfinite(authenticated_at)),
    constraint sessions_broker_check check (length(broker) >= 1 and length(broker) <= 50),
    constraint sessions_data_check check (jsonb_typeof(data) = 'object'::text),
    constraint sessions_device_check check (length(device) >= 1 and length(device) <= 500),
    constraint sessions_expires_at_check check (expires_at > created_at),
    constraint sessions_fingerprint_check check (oadb.is_sealed(fingerprint)),
    constraint sessions_idle_timeout_check check (idle_timeout >= '00:02:00'::interval),
    constraint sessions_lapses_at_check check (lapses_at <= expires_at),
    constraint sessions_sweep_at_check check (sweep_at <= expires_at),
    constraint sessions_token_digest_check check (octet_length(token_digest) = 32),
    constraint sessions_key_id_fkey foreign key (key_id) references oadb.key_canaries(key_id),
    constraint sessions_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
) with (fillfactor=80);

create index sessions_ip_idx on oadb.sessions using btree (ip);
create index sessions_key_id_idx on oadb.sessions using btree (key_id, user_id, session_id);
create index sessions_sweep_at_idx on oadb.sessions using btree (sweep_at);
create index sessions_token_digest_idx on oadb.sessions using btree (token_digest);

alter table oadb.sessions enable row level security, force row level security;

create policy service_policy on oadb.sessions for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.sessions for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger records_session_begun after insert on oadb.sessions for each row execute function oadb.record_security_event('session_begun', 'session_id', 'device', 'broker', 'assurance');
create trigger records_session_changed after update on oadb.sessions for each row when (old.idle_timeout is distinct from new.idle_timeout or old.expires_at is distinct from new.expires_at or old.authenticated_at is distinct from new.authenticated_at or old.assurance is distinct from new.assurance or old.token_digest <> new.token_digest and new.key_id <= old.key_id) execute function oadb.record_security_event('session_changed', 'session_id', 'idle_timeout', 'expires_at', 'authenticated_at', 'assurance');
create trigger records_session_ended after delete on oadb.sessions for each row execute function oadb.record_security_event('session_ended', 'session_id', 'lapses_at');

grant delete, insert, select, update on table oadb.sessions to oadb_app, oadb_user;
grant select (user_id, session_id, key_id, device, ip, broker, created_at, last_seen_at,
    idle_timeout, lapses_at, expires_at, authenticated_at, assurance) on table oadb.sessions to
    oadb_ro;
grant select (user_id, session_id, fingerprint, key_id), update (token_digest, fingerprint) on table
    oadb.sessions to oadb_rotate;

-- table oadb.setting_changes ----------------------------------------------------------------------

-- Audit: every change of a setting of a user. Rows are never changed, but for the values of a user
-- who was deleted, which are erased.
create table oadb.setting_changes (
    -- No foreign key: what was done outlives the user, and ids are not used again.
    user_id    bigint not null,
    change_id  bigint not null generated always as identity,
    changed_at timestamp with time zone not null default clock_timestamp(),
    -- A user. No foreign key: what was done outlives who did it, and ids are not used again.
    changed_by bigint,
    name       text not null,
    -- Null: there was none, so the default held.
    old_value  jsonb,
    -- Null: it was reset to the default.
    new_value  jsonb,

    constraint setting_changes_pkey primary key (user_id, change_id)
);

create index setting_changes_changed_at_idx on oadb.setting_changes using btree (changed_at);

alter table oadb.setting_changes enable row level security, force row level security;

create policy service_policy on oadb.setting_changes for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_insert_policy on oadb.setting_changes for insert to public
with check (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint and changed_by = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_policy on oadb.setting_changes for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant insert (user_id, changed_by, name, old_value, new_value), select on table oadb.setting_changes
    to oadb_app, oadb_user;
grant select on table oadb.setting_changes to oadb_ro;

-- table oadb.settings -----------------------------------------------------------------------------

-- What users chose. No row: the default of the key, which the service that declares it knows.
create table oadb.settings (
    user_id        bigint not null,
    name           text collate "C" not null,
    value          jsonb not null,
    -- The value before this one, so that a put can tell the audit, also where two come at once.
    replaced_value jsonb,

    constraint settings_pkey primary key (user_id, name),
    constraint settings_name_check check (name ~ '^[a-z][a-z0-9_.]{0,99}$'::text),
    constraint settings_value_check check (octet_length(value::text) <= 65536),
    constraint settings_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
);

alter table oadb.settings enable row level security, force row level security;

create policy service_policy on oadb.settings for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.settings for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant delete, insert, select, update on table oadb.settings to oadb_app, oadb_user;
grant select on table oadb.settings to oadb_ro;

-- table oadb.smtp_settings ------------------------------------------------------------------------

-- One row: the account that mail is sent from. Server null: no mail is sent.
create table oadb.smtp_settings (
    singleton_id bigint not null default 1,
    server       text,
    port         bigint,
    user_name    text,
    from_address text,
    helo_name    text,
    is_tls_used  boolean not null default true,
    -- Sealed. Null: the server asks for none.
    password     bytea,
    -- The key that the password is sealed under.
    key_id       bigint generated always as (oadb.key_id_of(password)) stored,

    constraint smtp_settings_pkey primary key (singleton_id),
    constraint smtp_settings_from_address_check check (from_address ~ '^[^[:cntrl:]]{1,255}$'::text),
    constraint smtp_settings_helo_name_check check (helo_name ~ '^[^[:cntrl:]]{1,255}$'::text),
    constraint smtp_settings_password_check check (oadb.is_sealed(password)),
    constraint smtp_settings_port_check check (port >= 1 and port <= 65535),
    constraint smtp_settings_server_check check (server ~ '^[^[:cntrl:]]{1,255}$'::text),
    constraint smtp_settings_singleton_id_check check (singleton_id = 1),
    constraint smtp_settings_user_name_check check (user_name ~ '^[^[:cntrl:]]{1,255}$'::text),
    constraint smtp_settings_key_id_fkey foreign key (key_id) references oadb.key_canaries(key_id)
);

create index smtp_settings_key_id_idx on oadb.smtp_settings using btree (key_id, singleton_id);

alter table oadb.smtp_settings enable row level security, force row level security;

create policy service_policy on oadb.smtp_settings for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select, update (server, port, user_name, from_address, helo_name, is_tls_used, password) on
    table oadb.smtp_settings to oadb_app;
grant select (singleton_id, server, port, user_name, from_address, helo_name, is_tls_used, key_id)
    on table oadb.smtp_settings to oadb_ro;
grant select (singleton_id, password, key_id), update (password) on table oadb.smtp_settings to
    oadb_rotate;

insert into oadb.smtp_settings (singleton_id) values
(1);

-- table oadb.strategies ---------------------------------------------------------------------------

-- Strategies of users, those of Chartink as well; an alert finds its own by the webhook.
create table oadb.strategies (
    user_id            bigint not null,
    strategy_id        uuid not null,
    name               text not null,
    -- Where the alerts come from. chartink: read by oadb/chartink.py, and by nothing else.
    platform           text collate "C" not null,
    -- What its alerts may do: LONG, SHORT, BOTH.
    trading_mode       text not null,
    -- What the service that runs it needs to know.
    definition         jsonb not null,
    is_active          boolean not null default true,
    is_intraday        boolean not null,
    -- By the clock of time_zone, no position is opened before. Null: no limit.
    start_time         time without time zone,
    -- By the clock of time_zone, no position is opened from then on. Null: no limit.
    end_time           time without time zone,
    -- By the clock of time_zone, positions are closed. Null: they are left open.
    squareoff_time     time without time zone,
    -- A name of the IANA database: Asia/Kolkata.
    time_zone          text not null,
    -- First and last characters, so that a person can tell webhooks apart.
    webhook_hint       text not null,
    -- HMAC-SHA256 of the SHA-256 of the webhook.
    token_digest       bytea not null,
    -- Sealed: the SHA-256 of the webhook, from which a digest under a new root key can be made.
    fingerprint        bytea not null,
    -- The root key of digest and fingerprint.
    key_id             bigint generated always as (oadb.key_id_of(fingerprint)) stored,
    -- Null: alerts that show it are taken.
    webhook_revoked_at timestamp with time zone,
    created_at         timestamp with time zone not null default now(),
    -- Of the strategy or one of its mappings.
    updated_at         timestamp with time zone not null default now(),

    constraint strategies_pkey primary key (user_id, strategy_id),
    constraint strategies_definition_check check (jsonb_typeof(definition) = 'object'::text and pg_column_size(definition) <= 1000000),
    constraint strategies_end_time_check check (start_time < end_time),
    constraint strategies_fingerprint_check check (oadb.is_sealed(fingerprint)),
    constraint strategies_name_check check (length(name) >= 1 and length(name) <= 255),
    constraint strategies_name_visible_check check (oadb.is_visible(name)),
    constraint strategies_platform_check check (platform ~ '^[a-z0-9_]{1,50}$'::text),
    constraint strategies_squareoff_time_check check (start_time < squareoff_time and end_time <= squareoff_time),
    constraint strategies_time_zone_check check (length(time_zone) >= 1 and length(time_zone) <= 100),
    constraint strategies_token_digest_check check (octet_length(token_digest) = 32),
    constraint strategies_trading_mode_check check ((trading_mode = any (array['LONG'::text, 'SHORT'::text, 'BOTH'::text])) and (platform <> 'chartink'::text or trading_mode = 'BOTH'::text)),
    constraint strategies_webhook_hint_check check (length(webhook_hint) >= 1 and length(webhook_hint) <= 20),
    constraint strategies_key_id_fkey foreign key (key_id) references oadb.key_canaries(key_id),
    constraint strategies_user_id_fkey foreign key (user_id) references oadb.users(user_id) on delete cascade
);

create index strategies_key_id_idx on oadb.strategies using btree (key_id, user_id, strategy_id);
create index strategies_token_digest_idx on oadb.strategies using btree (token_digest);

alter table oadb.strategies enable row level security, force row level security;

create policy service_policy on oadb.strategies for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.strategies for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger records_webhook_deleted after delete on oadb.strategies for each row when (old.webhook_revoked_at is null) execute function oadb.record_security_event('webhook_revoked', 'strategy_id', 'name');
create trigger records_webhook_issued after insert on oadb.strategies for each row execute function oadb.record_security_event('webhook_issued', 'strategy_id', 'name', 'platform');
create trigger records_webhook_replaced after update on oadb.strategies for each row when (old.token_digest <> new.token_digest and (old.webhook_hint <> new.webhook_hint or new.key_id <= old.key_id) or old.webhook_revoked_at is not null and new.webhook_revoked_at is null) execute function oadb.record_security_event('webhook_replaced', 'strategy_id', 'name');
create trigger records_webhook_revoked after update on oadb.strategies for each row when (old.webhook_revoked_at is null and new.webhook_revoked_at is not null) execute function oadb.record_security_event('webhook_revoked', 'strategy_id', 'name');

grant delete, insert, select, update on table oadb.strategies to oadb_app, oadb_user;
grant select (user_id, strategy_id, name, platform, trading_mode, definition, is_active,
    is_intraday, start_time, end_time, squareoff_time, time_zone, webhook_hint, key_id,
    webhook_revoked_at, created_at, updated_at) on table oadb.strategies to oadb_ro;
grant select (user_id, strategy_id, fingerprint, key_id), update (token_digest, fingerprint) on
    table oadb.strategies to oadb_rotate;

-- table oadb.strategy_mappings --------------------------------------------------------------------

-- Which symbols the alerts of a strategy may name, and what is then ordered.
create table oadb.strategy_mappings (
    user_id      bigint not null,
    strategy_id  uuid not null,
    -- As the alert spells it.
    symbol       text collate "C" not null,
    exchange     text collate "C" not null,
    quantity     bigint not null,
    product_type text not null,

    constraint strategy_mappings_pkey primary key (user_id, strategy_id, symbol),
    constraint strategy_mappings_exchange_check check (length(exchange) >= 1 and length(exchange) <= 50),
    constraint strategy_mappings_product_type_check check (product_type = any (array['CNC'::text, 'MIS'::text, 'NRML'::text])),
    constraint strategy_mappings_quantity_check check (quantity > 0),
    constraint strategy_mappings_symbol_check check (length(symbol) >= 1 and length(symbol) <= 200),
    constraint strategy_mappings_visible_check check (oadb.is_visible(symbol) and oadb.is_visible(exchange)),
    constraint strategy_mappings_strategy_id_fkey foreign key (user_id, strategy_id) references oadb.strategies(user_id, strategy_id) on delete cascade
);

alter table oadb.strategy_mappings enable row level security, force row level security;

create policy service_policy on oadb.strategy_mappings for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_policy on oadb.strategy_mappings for all to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant delete, insert, select, update on table oadb.strategy_mappings to oadb_app, oadb_user;
grant select on table oadb.strategy_mappings to oadb_ro;

-- table oadb.trading_mode -------------------------------------------------------------------------

-- One row: whether orders go to a broker. Analyze, until somebody says live.
create table oadb.trading_mode (
    singleton_id bigint not null default 1,
    mode         text not null default 'analyze'::text,
    -- Who set the mode: a user. Null: nobody was signed in. No foreign key, as in
    -- app_setting_changes.
    set_by       bigint,

    constraint trading_mode_pkey primary key (singleton_id),
    constraint trading_mode_mode_check check (mode = any (array['live'::text, 'analyze'::text])),
    constraint trading_mode_singleton_id_check check (singleton_id = 1)
);

alter table oadb.trading_mode enable row level security, force row level security;

create policy read_policy on oadb.trading_mode for select to public
using (true);
create policy service_policy on oadb.trading_mode for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

create trigger records_trading_mode_changed after update on oadb.trading_mode for each row when (old.mode <> new.mode) execute function oadb.record_security_event('trading_mode_changed', 'mode');

grant select, update (mode, set_by) on table oadb.trading_mode to oadb_app;
grant select on table oadb.trading_mode to oadb_ro, oadb_user;

insert into oadb.trading_mode (singleton_id) values
(1);

-- table oadb.traffic ------------------------------------------------------------------------------

-- HTTP requests, whatever they asked for.
create table oadb.traffic (
    log_id      bigint not null generated always as identity,
    logged_at   timestamp with time zone not null,
    ip          inet not null,
    method      text not null,
    path        text not null,
    -- The route that took it, such as /api/v1/placeorder: one of few. Null: none did.
    endpoint    text,
    status      integer not null,
    duration_ms double precision not null,
    host        text,
    user_id     bigint,
    error       text,

    constraint traffic_pkey primary key (logged_at, log_id),
    constraint traffic_duration_ms_check check (duration_ms >= 0::double precision and duration_ms <= '1000000000'::numeric::double precision),
    constraint traffic_status_check check (status >= 100 and status <= 599)
) partition by range (logged_at);

create index traffic_ip_idx on only oadb.traffic using btree (ip, logged_at, log_id);
create index traffic_status_idx on only oadb.traffic using btree (status, logged_at, log_id) where (status >= 400);

alter table oadb.traffic enable row level security, force row level security;

create policy owner_policy on oadb.traffic for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.traffic for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.traffic for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant insert (logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id, error),
    select on table oadb.traffic to oadb_app;
grant insert (logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id, error) on
    table oadb.traffic to oadb_log;
grant select on table oadb.traffic to oadb_ro, oadb_user;

-- table oadb.traffic_default ----------------------------------------------------------------------

-- Rows of a time that has no partition; should be empty.
create table oadb.traffic_default partition of oadb.traffic default;

alter table oadb.traffic_default enable row level security, force row level security;

create policy owner_policy on oadb.traffic_default for all to oadb_owner
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy service_policy on oadb.traffic_default for all to oadb_app, oadb_log, oadb_ro, oadb_rotate
using (true);
create policy user_policy on oadb.traffic_default for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

grant select on table oadb.traffic_default to oadb_app, oadb_ro;

-- table oadb.traffic_rollups ----------------------------------------------------------------------

-- Requests by time and endpoint, with a histogram of how long they took. Outlive their rows.
create table oadb.traffic_rollups (
    resolution  interval not null,
    started_at  timestamp with time zone not null,
    -- Empty: no route took them.
    endpoint    text collate "C" not null,
    requests    bigint not null,
    status_1xx  bigint not null,
    status_2xx  bigint not null,
    status_3xx  bigint not null,
    status_4xx  bigint not null,
    status_5xx  bigint not null,
    -- Of all of them together.
    duration_ms double precision not null,
    -- Bins that are not empty, in order, as oadb.duration_bin counts them; counts says how many
    -- each.
    bins        smallint[] not null,
    counts      bigint[] not null,

    constraint traffic_rollups_pkey primary key (resolution, started_at, endpoint),
    constraint traffic_rollups_counts_check check (cardinality(bins) = cardinality(counts))
) with (fillfactor=80, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000);

alter table oadb.traffic_rollups enable row level security, force row level security;

create policy service_policy on oadb.traffic_rollups for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.traffic_rollups to oadb_app, oadb_ro;

-- table oadb.user_tables --------------------------------------------------------------------------

-- Tables that hold rows of users; under db.as_user each shows the rows of that user alone. Changed
-- by migrations; see oadb.secure_user_tables().
create table oadb.user_tables (
    schema_name text not null default 'oadb'::text,
    table_name  text not null,
    -- The id of the user whose row it is.
    user_column text not null default 'user_id'::text,
    -- What must also hold for rows that are written under an identity: an expression. Null:
    -- nothing.
    write_check text,
    -- Services read it by operators that row-level security would keep from its indexes, such as
    -- @>: their policy has no condition there, and the role of an identity is the wall.
    is_log      boolean not null default false,

    constraint user_tables_pkey primary key (schema_name, table_name)
);

alter table oadb.user_tables enable row level security, force row level security;

create policy service_policy on oadb.user_tables for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (
case
    when nullif(current_setting('oadb.user_id'::text, true), ''::text) is null then true
    else oadb.refuse_identity()
end);

grant select on table oadb.user_tables to oadb_app, oadb_ro;

insert into oadb.user_tables (table_name, user_column, write_check) values
('analyzer_logs', 'user_id', null),
('api_keys', 'user_id', null),
('api_logs', 'user_id', null),
('broker_tokens', 'user_id', null),
('changes', 'user_id', null),
('known_devices', 'user_id', null),
('known_networks', 'user_id', null),
('latency', 'user_id', null),
('login_attempts', 'user_id', null),
('one_time_tokens', 'user_id', null),
('pending_orders', 'user_id', 'status = ''pending'' or decided_by = nullif(current_setting(''oadb.user_id'', true), '''')::bigint'),
('second_factors', 'user_id', null),
('security_events', 'user_id', null),
('sessions', 'user_id', null),
('setting_changes', 'user_id', 'changed_by = nullif(current_setting(''oadb.user_id'', true), '''')::bigint'),
('settings', 'user_id', null),
('strategies', 'user_id', null),
('strategy_mappings', 'user_id', null),
('traffic', 'user_id', null),
('users', 'user_id', null);

-- table oadb.users --------------------------------------------------------------------------------

-- People who can sign in.
create table oadb.users (
    user_id         bigint not null generated always as identity,
    -- As typed at registration; compared in any letter case.
    username        text not null,
    -- At most 254 characters, the limit of RFC 5321.
    email           text not null,
    first_name      text,
    last_name       text,
    is_admin        boolean not null default false,
    created_at      timestamp with time zone not null default now(),
    -- Last change of the profile or the password.
    updated_at      timestamp with time zone not null default now(),
    -- Rises with each new password: what was proven before it counts no more.
    auth_epoch      bigint not null default 0,
    -- Sealed: Argon2id in PHC format. Null: this person cannot sign in with a password.
    password_hash   bytea,
    -- The key that the hash is sealed under.
    password_key_id bigint generated always as (oadb.key_id_of(password_hash)) stored,
    -- The name by which people are told apart.
    username_key    text collate "C" generated always as (lower(username)) stored,
    -- The address by which people are told apart.
    email_key       text collate "C" generated always as (lower(email)) stored,
    -- Not null: sign-ins, sessions, keys, broker tokens and webhooks of the user are refused.
    disabled_at     timestamp with time zone,
    -- Who disabled or enabled the user last: a user. Null: the platform. No foreign key, as in
    -- trading_mode.
    access_set_by   bigint,

    constraint users_pkey primary key (user_id),
    constraint users_disabled_at_check check (isfinite(disabled_at)),
    constraint users_email_check check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'::text and length(email) <= 254),
    constraint users_first_name_check check (length(first_name) >= 1 and length(first_name) <= 200),
    constraint users_last_name_check check (length(last_name) >= 1 and length(last_name) <= 200),
    constraint users_password_hash_check check (oadb.is_sealed(password_hash)),
    constraint users_username_check check (username ~ '^[[:alnum:]._@-]{1,80}$'::text),
    constraint users_password_key_id_fkey foreign key (password_key_id) references oadb.key_canaries(key_id)
);

create unique index users_email_lower_key on oadb.users using btree (email_key);
create index users_password_key_id_idx on oadb.users using btree (password_key_id, user_id);
create unique index users_username_lower_key on oadb.users using btree (username_key);

alter table oadb.users enable row level security, force row level security;

create policy service_policy on oadb.users for all to oadb_app, oadb_log, oadb_owner, oadb_ro, oadb_rotate
using (nullif(current_setting('oadb.user_id'::text, true), ''::text) is null);
create policy user_delete_policy on oadb.users for delete to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_policy on oadb.users for select to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);
create policy user_update_policy on oadb.users for update to public
using (user_id = nullif(current_setting('oadb.user_id'::text, true), ''::text)::bigint);

create trigger notes_deleted_user after delete on oadb.users for each row execute function oadb.note_deleted_user();
create trigger records_email_changed after update on oadb.users for each row when (old.email <> new.email) execute function oadb.record_security_event('email_changed', 'email');
create trigger records_is_admin_changed after update on oadb.users for each row when (old.is_admin <> new.is_admin) execute function oadb.record_security_event('is_admin_changed', 'is_admin');
create trigger records_password_changed after update on oadb.users for each row when (old.password_hash is distinct from new.password_hash and (old.auth_epoch <> new.auth_epoch or old.password_hash is null or new.password_hash is null)) execute function oadb.record_security_event('password_changed', 'auth_epoch');
create trigger records_password_rehashed after update on oadb.users for each row when (old.password_hash <> new.password_hash and old.auth_epoch = new.auth_epoch and new.password_key_id <= old.password_key_id) execute function oadb.record_security_event('password_rehashed');
create trigger records_user_created after insert on oadb.users for each row execute function oadb.record_security_event('user_created', 'username', 'email', 'is_admin');
create trigger records_user_deleted after delete on oadb.users for each row execute function oadb.record_security_event('user_deleted', 'username', 'email', 'is_admin');
create trigger records_user_disabled after update on oadb.users for each row when (old.disabled_at is null and new.disabled_at is not null) execute function oadb.record_security_event('user_disabled', 'username');
create trigger records_user_enabled after update on oadb.users for each row when (old.disabled_at is not null and new.disabled_at is null) execute function oadb.record_security_event('user_enabled', 'username');
create trigger records_username_changed after update on oadb.users for each row when (old.username <> new.username) execute function oadb.record_security_event('username_changed', 'username');
create trigger users_refuse_identity before update of username, email, is_admin, disabled_at, access_set_by on oadb.users for each row when (nullif(current_setting('oadb.user_id'::text, true), ''::text) is not null and (old.username is distinct from new.username or old.email is distinct from new.email or old.is_admin is distinct from new.is_admin or old.disabled_at is distinct from new.disabled_at or old.access_set_by is distinct from new.access_set_by)) execute function oadb.refuse_change();

grant delete, insert (username, email, first_name, last_name, is_admin), select, update (username,
    email, first_name, last_name, is_admin, updated_at, auth_epoch, password_hash, disabled_at,
    access_set_by) on table oadb.users to oadb_app;
grant select (user_id, username_key) on table oadb.users to oadb_log;
grant select (user_id, username, email, first_name, last_name, is_admin, created_at, updated_at,
    auth_epoch, password_key_id, username_key, email_key, disabled_at, access_set_by) on table
    oadb.users to oadb_ro;
grant select (user_id, password_hash, password_key_id), update (password_hash) on table oadb.users
    to oadb_rotate;
grant delete, select, update (email, first_name, last_name, updated_at, auth_epoch, password_hash)
    on table oadb.users to oadb_user;

-- view oadb.active_ip_bans ------------------------------------------------------------------------

-- Who is kept out now.
--     network inet
--     reason text
--     offences bigint
--     banned_at timestamp with time zone
--     expires_at timestamp with time zone
--     created_by text
--     source text
--     banned_by bigint
create view oadb.active_ip_bans as
 select network,
    reason,
    offences,
    banned_at,
    expires_at,
    created_by,
    source,
    banned_by
   from oadb.ip_bans
  where (expires_at > now() or expires_at is null) and not (exists ( select
           from oadb.ban_exemptions
          where ban_exemptions.network && ip_bans.network));

grant select on table oadb.active_ip_bans to oadb_app, oadb_ro;

-- view oadb.ban_rules -----------------------------------------------------------------------------

-- Which hits of ip_trackers ban now, and for how long: none while automatic bans are off.
--     kind text
--     threshold bigint
--     duration interval: Null: for ever.
--     repeat_offender_limit bigint
create view oadb.ban_rules as
 select 'not_found'::text as kind,
    security_settings.threshold_404 as threshold,
    make_interval(hours => nullif(security_settings.ban_duration_404, 0)::integer) as duration,
    security_settings.repeat_offender_limit
   from oadb.security_settings
  where security_settings.is_auto_ban_enabled and security_settings.threshold_404 > 0
union all
 select 'bad_key'::text as kind,
    security_settings.threshold_api as threshold,
    make_interval(hours => nullif(security_settings.ban_duration_api, 0)::integer) as duration,
    security_settings.repeat_offender_limit
   from oadb.security_settings
  where security_settings.is_auto_ban_enabled and security_settings.threshold_api > 0;

grant select on table oadb.ban_rules to oadb_app, oadb_ro;

-- view oadb.latency_parts -------------------------------------------------------------------------

-- A part of a call to a broker that was measured: up to five rows for each row of latency.
--     log_id bigint
--     logged_at timestamp with time zone
--     broker text
--     outcome text
--     part text: rtt, validation, response, overhead or total.
--     duration_ms double precision: Of this part; never null.
create view oadb.latency_parts with (security_invoker=true) as
 select latency.log_id,
    latency.logged_at,
    latency.broker,
    latency.outcome,
    parts.part,
    parts.duration_ms
   from oadb.latency,
    lateral ( values ('rtt'::text,latency.rtt_ms), ('validation'::text,latency.validation_ms), ('response'::text,latency.response_ms), ('overhead'::text,latency.overhead_ms), ('total'::text,latency.total_ms)) parts(part, duration_ms)
  where parts.duration_ms is not null;

grant select on table oadb.latency_parts to oadb_app, oadb_ro;

-- view oadb.log_periods ---------------------------------------------------------------------------

-- Partitions of logs that there should be by now, and whether.
--     table_name text
--     partition_name text
--     starts_at timestamp with time zone
--     is_made boolean
create view oadb.log_periods as
 select periods.table_name,
    periods.partition_name,
    periods.starts_at,
    pg_inherits.inhrelid is not null as is_made
   from ( select log_tables.table_name,
            (log_tables.table_name || '_'::text) || to_char(starts.starts, log_tables.name_format) as partition_name,
            (starts.starts at time zone 'UTC'::text) as starts_at
           from oadb.log_tables,
            lateral generate_series(date_trunc(log_tables.period, (now() at time zone 'UTC'::text)), (now() at time zone 'UTC'::text) + log_tables.made_ahead, ('1 '::text || log_tables.period)::interval) starts(starts)) periods
     left join pg_inherits on pg_inherits.inhparent = to_regclass('oadb.'::text || quote_ident(periods.table_name))::oid and pg_inherits.inhrelid = to_regclass('oadb.'::text || quote_ident(periods.partition_name))::oid;

grant select on table oadb.log_periods to oadb_app, oadb_ro;

-- view oadb.networks_in_use -----------------------------------------------------------------------

-- Addresses of sessions, and networks from which somebody signed in in the last 30 days: they are
-- not banned by hits. To be compared with a range, from a network to its last address.
--     network inet
create view oadb.networks_in_use with (security_invoker=true) as
 select sessions.ip as network
   from oadb.sessions
  where sessions.lapses_at > now()
union all
 select known_networks.network
   from oadb.known_networks
  where known_networks.signed_in_at > (now() - '30 days'::interval);

grant select on table oadb.networks_in_use to oadb_app, oadb_ro;

-- view oadb.strategies_with_mappings --------------------------------------------------------------

-- A strategy of any platform with all of its mappings, without what is secret of its webhook.
--     user_id bigint
--     strategy_id uuid
--     name text
--     platform text collate "C"
--     trading_mode text
--     definition jsonb
--     is_active boolean
--     is_intraday boolean
--     start_time time without time zone
--     end_time time without time zone
--     squareoff_time time without time zone
--     time_zone text
--     webhook_hint text
--     webhook_revoked_at timestamp with time zone
--     created_at timestamp with time zone
--     updated_at timestamp with time zone
--     symbols text[] collate "C": Of its mappings, in order; the other arrays have one value for
--         each. Empty: it has no mapping.
--     exchanges text[] collate "C": One for each of the symbols.
--     quantities bigint[]: One for each of the symbols.
--     product_types text[]: One for each of the symbols.
create view oadb.strategies_with_mappings with (security_invoker=true) as
 select strategies.user_id,
    strategies.strategy_id,
    strategies.name,
    strategies.platform,
    strategies.trading_mode,
    strategies.definition,
    strategies.is_active,
    strategies.is_intraday,
    strategies.start_time,
    strategies.end_time,
    strategies.squareoff_time,
    strategies.time_zone,
    strategies.webhook_hint,
    strategies.webhook_revoked_at,
    strategies.created_at,
    strategies.updated_at,
    mapped.symbols,
    mapped.exchanges,
    mapped.quantities,
    mapped.product_types
   from oadb.strategies
     cross join lateral ( select coalesce(array_agg(mappings.symbol order by mappings.symbol), '{}'::text[]) as symbols,
            coalesce(array_agg(mappings.exchange order by mappings.symbol), '{}'::text[]) as exchanges,
            coalesce(array_agg(mappings.quantity order by mappings.symbol), '{}'::bigint[]) as quantities,
            coalesce(array_agg(mappings.product_type order by mappings.symbol), '{}'::text[]) as product_types
           from oadb.strategy_mappings mappings
          where mappings.user_id = strategies.user_id and mappings.strategy_id = strategies.strategy_id) mapped;

grant select on table oadb.strategies_with_mappings to oadb_app, oadb_ro, oadb_user;

-- view oadb.wanted_policies -----------------------------------------------------------------------

-- The policies that there should be on tables of oadb and on those that oadb.user_tables lists,
-- which rows each shows, and to which roles (0: all).
--     table_id oid
--     schema_name text collate "C"
--     table_name text collate "C"
--     policy_name text
--     command text
--     shows text: own: those of the user. all. without identity: all, without one. or refuse: the
--         same, and with one an error.
--     user_column text
--     write_check text
--     role_ids oid[]
--     is_made boolean: For this command and these roles.
create view oadb.wanted_policies as
 with services as (
         select pg_roles.oid as role_id,
            pg_roles.rolname = 'oadb_owner'::name as is_owner,
            has_schema_privilege(pg_roles.oid, 'oadb'::text, 'usage'::text) as is_used
           from pg_roles
          where pg_roles.rolname = any (array['oadb_owner'::name, 'oadb_app'::name, 'oadb_log'::name, 'oadb_rotate'::name, 'oadb_ro'::name])
        ), tables as (
         select class.oid as table_id,
            class.relowner as owner_id,
            namespace.nspname::text as schema_name,
            class.relname::text as table_name,
            coalesce(parent.relname, class.relname)::text as listed_name
           from pg_class class
             join pg_namespace namespace on class.relnamespace = namespace.oid
             left join pg_inherits inheritance on class.oid = inheritance.inhrelid
             left join pg_class parent on inheritance.inhparent = parent.oid
          where (class.relkind = any (array['r'::"char", 'p'::"char"])) and not (namespace.nspname = 'oadb'::name and class.relname = 'instrument_staging'::name)
        ), walls as (
         select tables.table_id,
            tables.owner_id,
            tables.schema_name,
            tables.table_name,
            user_tables.table_name is not null as is_listed,
            coalesce(user_tables.is_log, false) as is_log,
            user_tables.user_column,
            user_tables.write_check,
            coalesce(role_privileges.privileges, ''::text) as privileges
           from tables
             left join oadb.user_tables on tables.schema_name = user_tables.schema_name and tables.listed_name = user_tables.table_name
             left join oadb.role_privileges on tables.schema_name = role_privileges.schema_name and tables.listed_name = role_privileges.table_name and role_privileges.role_name = 'oadb_user'::text
          where tables.schema_name = 'oadb'::text or user_tables.table_name is not null
        ), own as (
         select walls_1.table_id,
            array( select listed.command
                   from unnest(array['select'::text, 'insert'::text, 'update'::text, 'delete'::text]) listed(command)
                  where walls_1.privileges ~ (('\m'::text || listed.command) || '\M'::text)) as commands
           from walls walls_1
          where walls_1.is_listed
        ), wanted as (
         select own.table_id,
                case
                    when single.command = any (array['all'::text, 'select'::text]) then 'user_policy'::text
                    else ('user_'::text || single.command) || '_policy'::text
                end as policy_name,
            single.command,
            'own'::text as shows,
            '{0}'::oid[] as role_ids
           from own
             cross join lateral unnest(
                case
                    when cardinality(own.commands) = any (array[0, 4]) then array['all'::text]
                    else own.commands
                end) single(command)
        union all
         select walls_1.table_id,
            'service_policy'::text as policy_name,
            'all'::text as command,
                case
                    when walls_1.is_listed then 'without identity'::text
                    else 'or refuse'::text
                end as shows,
            array( select walls_1.owner_id
                union
                 select services.role_id
                   from services) as role_ids
           from walls walls_1
          where not walls_1.is_log
        union all
         select walls_1.table_id,
            'owner_policy'::text as policy_name,
            'all'::text as command,
            'without identity'::text as shows,
            array( select walls_1.owner_id
                union
                 select services.role_id
                   from services
                  where services.is_owner) as role_ids
           from walls walls_1
          where walls_1.is_log
        union all
         select walls_1.table_id,
            'service_policy'::text as policy_name,
            'all'::text as command,
            'all'::text as shows,
            array_agg(services.role_id) as role_ids
           from walls walls_1
             join services on walls_1.owner_id <> services.role_id
          where walls_1.is_log and services.is_used and not services.is_owner
          group by walls_1.table_id
        union all
         select walls_1.table_id,
            'read_policy'::text as policy_name,
            'select'::text as command,
            'all'::text as shows,
            '{0}'::oid[] as role_ids
           from walls walls_1
          where not walls_1.is_listed and walls_1.privileges ~ '\mselect\M'::text
        )
 select wanted.table_id,
    walls.schema_name,
    walls.table_name,
    wanted.policy_name,
    wanted.command,
    wanted.shows,
        case
            when wanted.shows = 'own'::text then walls.user_column
            else null::text
        end as user_column,
        case
            when wanted.shows = 'own'::text and (wanted.command = any (array['all'::text, 'insert'::text, 'update'::text])) then walls.write_check
            else null::text
        end as write_check,
    wanted.role_ids,
    coalesce(policy.polcmd::text = codes.code and policy.polroles @> wanted.role_ids and policy.polroles <@ wanted.role_ids, false) as is_made
   from wanted
     join walls on wanted.table_id = walls.table_id
     join ( values ('all'::text,'*'::text), ('select'::text,'r'::text), ('insert'::text,'a'::text), ('update'::text,'w'::text), ('delete'::text,'d'::text)) codes(command, code) on wanted.command = codes.command
     left join pg_policy policy on wanted.table_id = policy.polrelid and wanted.policy_name = policy.polname;

grant select on table oadb.wanted_policies to oadb_app, oadb_ro;

-- function oadb.act_as(bigint) --------------------------------------------------------------------

-- Makes the rest of this transaction see the rows of one user alone; db.as_user calls it.
create or replace function oadb.act_as(acting_user_id bigint)
 returns void
 language plpgsql
 set search_path to ''
as $function$
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
$function$;

grant execute on function oadb.act_as(bigint) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.bin_duration(smallint) ------------------------------------------------------------

-- The milliseconds that stand for a bin: at most 1 / 21 (4.8 %) off any duration in it.
create or replace function oadb.bin_duration(bin smallint)
 returns double precision
 language sql
 immutable parallel safe
return ((((sign((bin)::double precision) * (0.001)::double precision) * (2)::double precision) * power((1.1)::double precision, (abs(bin))::double precision)) / ((1.1 + (1)::numeric))::double precision);

grant execute on function oadb.bin_duration(smallint) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.client_network(inet) --------------------------------------------------------------

-- The network of which a client has all addresses: an IPv4 address, or the /64 of an IPv6 address.
create or replace function oadb.client_network(ip inet)
 returns inet
 language sql
 immutable parallel safe
return ((set_masklen(ip, case when (family(ip) = 4) then 32 else 64 end))::cidr)::inet;

grant execute on function oadb.client_network(inet) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- procedure oadb.create_roles() -------------------------------------------------------------------

-- Makes the roles of oadb that are missing; none can sign in until a DBA lets it.
create or replace procedure oadb.create_roles()
 language plpgsql
 set search_path to ''
as $procedure$
declare
    wanted text;
    made   text[] := '{}';
begin
    -- So that the events below can be written after a restore that lost policies.
    call oadb.secure_user_tables();
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
$procedure$;

-- function oadb.defer_search_indexes() ------------------------------------------------------------

-- Drops the indexes that oadb.merge_search_entries makes, if there are no instruments and nobody is
-- at the table: before a first load. Says whether it did.
create or replace function oadb.defer_search_indexes()
 returns boolean
 language plpgsql
 security definer
 set search_path to ''
as $function$
begin
    -- By its pages, which no policy hides, and its rows, which may be on another server. In another
    -- transaction the lock would last too long.
    if
        pg_current_xact_id_if_assigned() is not null
        or to_regclass('oadb.instruments_broker_text_idx') is null
        or not has_table_privilege(session_user, 'oadb.instruments', 'insert')
        or pg_relation_size('oadb.instruments') > 0
        or exists (select from oadb.instruments)
    then
        return false;
    end if;
    lock table oadb.instruments in access exclusive mode nowait;
    if pg_relation_size('oadb.instruments') > 0 or exists (select from oadb.instruments) then
        return false;
    end if;
    drop index if exists
    oadb.instruments_broker_text_idx,
    oadb.instruments_ranked_idx,
    oadb.instruments_underlying_idx,
    oadb.instruments_broker_symbol_idx;
    return true;
exception
    when lock_not_available then
        return false;
end
$function$;

grant execute on function oadb.defer_search_indexes() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- procedure oadb.drop_log_partition(text,text,interval) -------------------------------------------

-- Detaches a partition of a table of logs and drops it, with its rows.
create or replace procedure oadb.drop_log_partition(in log_table text, in partition_name text, in patience interval)
 language plpgsql
 security definer
 set search_path to ''
as $procedure$
begin
    if not exists (
        select
        from pg_catalog.pg_inherits
        inner join oadb.log_tables
            on pg_inherits.inhparent = to_regclass('oadb.' || quote_ident(log_tables.table_name))
        where
            log_tables.table_name = log_table
            and pg_inherits.inhrelid = to_regclass('oadb.' || quote_ident(partition_name))
            and partition_name ~ ('^' || log_table || '_[0-9]+$')
    ) then
        raise undefined_table
            using message = format('%s is no partition of a table of logs', partition_name);
    end if;
    call oadb.lock_in_turns(
        format(
            'lock table only oadb.%I in access exclusive mode; '
            'lock table only oadb.%I, only oadb.%I in access exclusive mode nowait',
            log_table, partition_name, log_table || '_default'
        ),
        patience
    );
    execute format('drop table oadb.%I', partition_name);
end
$procedure$;

-- function oadb.duration_bin(double precision) ----------------------------------------------------

-- The bin of a duration. Bin n > 0 holds what is longer than 1.1 ^ (n - 1) microseconds and at most
-- 1.1 ^ n; bin 0 what is at most one microsecond; bin -n the negatives of bin n.
create or replace function oadb.duration_bin(milliseconds double precision)
 returns smallint
 language sql
 immutable parallel safe
return (case when (abs(milliseconds) > (0.001)::double precision) then (sign(milliseconds) * ceil((ln((abs(milliseconds) / (0.001)::double precision)) / ln((1.1)::double precision)))) else (0)::double precision end)::smallint;

grant execute on function oadb.duration_bin(double precision) to oadb_app, oadb_log, oadb_ro,
    oadb_rotate, oadb_user, public;

-- procedure oadb.grant_privileges() ---------------------------------------------------------------

-- Gives each role of oadb that exists what oadb.role_privileges says, and nothing else, and tables
-- of users their policies. May be called again at any time, by the owner of the tables.
create or replace procedure oadb.grant_privileges()
 language plpgsql
 set search_path to ''
as $procedure$
declare
    granted record;
begin
    call oadb.mend_restore();
    for granted in
        select
            pg_roles.rolname as role_name,
            listed.schema_name,
            exists (
                select
                from oadb.role_privileges
                where
                    role_privileges.role_name = pg_roles.rolname
                    and role_privileges.schema_name = listed.schema_name
            ) as is_listed
        from pg_catalog.pg_roles
        cross join (
            select distinct role_privileges.schema_name
            from oadb.role_privileges
        ) as listed
        where pg_roles.rolname in (select role_privileges.role_name from oadb.role_privileges)
    loop
        execute format(
            'revoke all on all tables in schema %I from %I', granted.schema_name, granted.role_name
        );
        if granted.is_listed then
            execute format(
                'grant usage on schema %I to %I', granted.schema_name, granted.role_name
            );
            -- All of them; procedures, some of which run as their owner, are not among them.
            execute format(
                'grant execute on all functions in schema %I to %I',
                granted.schema_name, granted.role_name
            );
        end if;
    end loop;
    for granted in
        select role_privileges.*
        from oadb.role_privileges
        inner join pg_catalog.pg_roles on role_privileges.role_name = pg_roles.rolname
    loop
        execute format(
            'grant %s on %I.%I to %I',
            granted.privileges, granted.schema_name, granted.table_name, granted.role_name
        );
    end loop;
    -- After a load, statistics. Before 17 the owner alone can have them made, or autovacuum.
    if to_regrole('oadb_app') is not null and current_setting('server_version_num')::int >= 170000
    then
        grant maintain on oadb.instruments to oadb_app;
    end if;
    -- On a Citus cluster the coordinator numbers rows, and sends the numbers under the role that
    -- writes them.
    if to_regclass('pg_catalog.pg_dist_partition') is not null then
        for granted in execute
            'select role_privileges.*, pg_attribute.attname as column_name '
            'from oadb.role_privileges '
            'inner join pg_catalog.pg_dist_partition on logicalrelid = to_regclass('
            'format(''%I.%I'', role_privileges.schema_name, role_privileges.table_name)) '
            'inner join pg_catalog.pg_attribute on attrelid = logicalrelid and attidentity <> '''' '
            'inner join pg_catalog.pg_roles on role_privileges.role_name = rolname '
            'where partmethod = ''h'' and role_privileges.privileges ~ ''\minsert \('''
        loop
            execute format(
                'grant insert (%I) on %I.%I to %I',
                granted.column_name, granted.schema_name, granted.table_name, granted.role_name
            );
        end loop;
    end if;
    -- For oadb ready and the doctor: what was applied is in yoyo's tables, whose schema may be one of
    -- their own. Who migrated, from which host, is nobody else's business.
    for granted in
        select
            pg_class.oid::regclass::text as yoyo_table,
            case pg_class.relname
                when '_yoyo_log' then '(id, migration_id, operation, comment, created_at_utc)'
                else ''
            end as columns,
            pg_class.relnamespace::regnamespace::text as yoyo_schema,
            pg_roles.rolname as role_name
        from pg_catalog.pg_class
        inner join pg_catalog.pg_roles on pg_roles.rolname in ('oadb_app', 'oadb_ro')
        where
            pg_class.relname in ('_yoyo_migration', '_yoyo_log')
            and pg_class.relkind = 'r'
            and pg_class.relowner = (
                select pg_namespace.nspowner
                from pg_catalog.pg_namespace
                where pg_namespace.nspname = 'oadb'
            )
    loop
        execute format('grant usage on schema %s to %I', granted.yoyo_schema, granted.role_name);
        execute format(
            'grant select %s on %s to %I',
            granted.columns, granted.yoyo_table, granted.role_name
        );
    end loop;
    call oadb.secure_user_tables();
end
$procedure$;

-- function oadb.has_blank_symbol(jsonb) -----------------------------------------------------------

-- Whether an order, or a part of it, names a symbol that shows nothing.
create or replace function oadb.has_blank_symbol(order_data jsonb)
 returns boolean
 language sql
 immutable parallel safe
return (exists (select 1 from jsonb_path_query(has_blank_symbol.order_data, '$.**."symbol"?(@.type() == "string")'::jsonpath) found(symbol) where (not oadb.is_visible((found.symbol #>> '{}'::text[])))));

grant execute on function oadb.has_blank_symbol(jsonb) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.hold_search_indexes() -------------------------------------------------------------

-- Keeps the indexes of instruments until the transaction ends. Where they are missing it waits for
-- other loads, and lets none begin: the one that calls this makes them.
create or replace function oadb.hold_search_indexes()
 returns void
 language plpgsql
 set search_path to ''
 set lock_timeout to '10min'
as $function$
begin
    begin
        lock table oadb.instruments in row exclusive mode;
        if to_regclass('oadb.instruments_broker_text_idx') is null then
            raise no_data_found;
        end if;
        return;
    exception
        -- Ends the lock as well: of two loads that held it, neither would get the next one.
        when no_data_found then null;
    end;
    lock table oadb.instruments in share row exclusive mode;
end
$function$;

grant execute on function oadb.hold_search_indexes() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.is_sealed(bytea) ------------------------------------------------------------------

-- Whether this has the form version 1, key id (4 bytes), nonce (12), ciphertext, tag (16).
create or replace function oadb.is_sealed(sealed bytea)
 returns boolean
 language sql
 immutable parallel safe
return case when (octet_length(sealed) >= 33) then (get_byte(sealed, 0) = 1) when (sealed is not null) then false else null::boolean end;

grant execute on function oadb.is_sealed(bytea) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.is_visible(text) ------------------------------------------------------------------

-- Whether a text has a character that is neither white space nor without a shape.
create or replace function oadb.is_visible(label text)
 returns boolean
 language sql
 immutable parallel safe
return (label ~ '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]'::text);

grant execute on function oadb.is_visible(text) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.keep_security_events() ------------------------------------------------------------

-- Refuses what would change or hide the audit.
create or replace function oadb.keep_security_events()
 returns trigger
 language plpgsql
 set search_path to ''
as $function$
begin
    raise insufficient_privilege using
        message = format(
            'oadb.%I is append-only; rows may be deleted after 90 days', tg_table_name
        );
end
$function$;

grant execute on function oadb.keep_security_events() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.key_id_of(bytea) ------------------------------------------------------------------

-- The key that a sealed value says it needs.
create or replace function oadb.key_id_of(sealed bytea)
 returns bigint
 language sql
 immutable parallel safe
return case when (octet_length(sealed) >= 33) then (((((get_byte(sealed, 1))::bigint << 24) + (get_byte(sealed, 2) << 16)) + (get_byte(sealed, 3) << 8)) + get_byte(sealed, 4)) else null::bigint end;

grant execute on function oadb.key_id_of(bytea) to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- procedure oadb.let_owner_act() ------------------------------------------------------------------

-- Lets the owner of the schema become oadb_user, which an identity needs, if that may be granted.
create or replace procedure oadb.let_owner_act()
 language plpgsql
 set search_path to ''
as $procedure$
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
$procedure$;

-- procedure oadb.lock_in_turns(text,interval) -----------------------------------------------------

-- Takes locks in short tries until patience ends; then raises lock_not_available.
create or replace procedure oadb.lock_in_turns(in locks text, in patience interval)
 language plpgsql
 set search_path to ''
 set lock_timeout to '20ms'
as $procedure$
declare
    deadline timestamptz := clock_timestamp() + patience;
    pause    double precision := 0.02;
begin
    loop
        begin
            execute locks;
            return;
        exception
            when lock_not_available then
                if clock_timestamp() >= deadline then
                    raise;
                end if;
        end;
        perform pg_sleep(pause * (0.5 + random()));
        pause := least(pause * 2, 1);
    end loop;
end
$procedure$;

-- function oadb.lockout_wait(bigint,bigint) -------------------------------------------------------

-- How long to wait after so many failures in a row, from as many on as are allowed: 1 s, 2 s, 4 s,
-- up to 15 minutes. Null: not at all.
create or replace function oadb.lockout_wait(failures bigint, allowed bigint)
 returns interval
 language sql
 immutable parallel safe
return case when (failures >= allowed) then (least(power((2)::double precision, (least((failures - allowed), (20)::bigint))::double precision), (900)::double precision) * '00:00:01'::interval) else null::interval end;

grant execute on function oadb.lockout_wait(bigint,bigint) to oadb_app, oadb_log, oadb_ro,
    oadb_rotate, oadb_user, public;

-- procedure oadb.make_log_partition(text,timestamp with time zone,interval,bigint) ----------------

-- Makes the partition of a table of logs that a moment is in, and moves the rows there that are in
-- the default partition; says how many.
create or replace procedure oadb.make_log_partition(in log_table text, in moment timestamp with time zone, in patience interval, inout moved bigint)
 language plpgsql
 security definer
 set search_path to ''
 set "TimeZone" to 'UTC'
 set "DateStyle" to 'ISO'
as $procedure$
declare
    kept     oadb.log_tables;
    starts   timestamptz;
    ends     timestamptz;
    made     text;
    stray    text := log_table || '_default';
    move     text;
    moved_on bigint;
    policy   record;
begin
    select log_tables.* into kept
    from oadb.log_tables
    where log_tables.table_name = log_table;
    if not found then
        raise undefined_table using message = format('%s is no table of logs', log_table);
    end if;
    starts := date_trunc(kept.period, moment);
    ends := starts + ('1 ' || kept.period)::interval;
    made := log_table || '_' || to_char(starts, kept.name_format);
    execute format(
        'create table oadb.%I (like oadb.%I including all excluding identity)', made, log_table
    );
    move := format(
        'with moved as (delete from oadb.%1$I where %2$I >= %3$L and %2$I < %4$L returning *) '
        'insert into oadb.%5$I select * from moved',
        stray, kept.time_column, starts, ends, made
    );
    -- Most of them before anybody has to wait.
    execute move;
    get diagnostics moved = row_count;
    call oadb.lock_in_turns(
        format(
            'lock table only oadb.%I in %s mode; lock table only oadb.%I in access exclusive mode',
            log_table,
            case when starts > now() then 'share update exclusive' else 'share row exclusive' end,
            stray
        ),
        patience
    );
    execute move;
    get diagnostics moved_on = row_count;
    moved := moved + moved_on;
    -- Before it is attached: Citus makes a distributed table of it then, with its policies, and
    -- afterwards refuses those that compare with nullif.
    execute format('alter table oadb.%I enable row level security', made);
    execute format('alter table oadb.%I force row level security', made);
    for policy in
        select
            pg_policy.polname as policy_name,
            case pg_policy.polcmd
                when 'r' then 'select'
                when 'a' then 'insert'
                when 'w' then 'update'
                when 'd' then 'delete'
                else 'all'
            end as command,
            (
                select
                    string_agg(
                        case
                            when listed.role_id = 0 then 'public'
                            else quote_ident(pg_get_userbyid(listed.role_id))
                        end,
                        ', '
                    )
                from unnest(pg_policy.polroles) as listed (role_id)
            ) as roles,
            pg_get_expr(pg_policy.polqual, pg_policy.polrelid) as shown,
            pg_get_expr(pg_policy.polwithcheck, pg_policy.polrelid) as written
        from pg_catalog.pg_policy
        where pg_policy.polrelid = to_regclass('oadb.' || quote_ident(log_table))
        order by pg_policy.polname
    loop
        execute format(
            'create policy %I on oadb.%I for %s to %s',
            policy.policy_name, made, policy.command, policy.roles
        )
        || coalesce(' using (' || policy.shown || ')', '')
        || coalesce(' with check (' || policy.written || ')', '');
    end loop;
    execute format(
        'alter table oadb.%I attach partition oadb.%I for values from (%L) to (%L)',
        log_table, made, starts, ends
    );
    call oadb.secure_user_tables();
end
$procedure$;

-- procedure oadb.mend_restore() -------------------------------------------------------------------

-- Makes good what a restore may have lost, before the lists are used: the owner of oadb.user_tables
-- and oadb.role_privileges reads them, and procedures are closed to everybody again.
create or replace procedure oadb.mend_restore()
 language plpgsql
 set search_path to ''
as $procedure$
declare
    listed    regclass;
    procedure regprocedure;
begin
    -- Everybody may call what nobody was forbidden; services call merge_search_entries.
    for procedure in
        select pg_proc.oid::regprocedure
        from pg_catalog.pg_proc
        where
            pg_proc.pronamespace = 'oadb'::regnamespace
            and pg_proc.prokind = 'p'
            and pg_proc.proname <> 'merge_search_entries'
            and has_function_privilege('public', pg_proc.oid, 'execute')
        order by pg_proc.oid
    loop
        execute format('revoke execute on procedure %s from public', procedure);
    end loop;
    foreach listed in array array['oadb.user_tables', 'oadb.role_privileges']::regclass[] loop
        if exists (
            select
            from pg_catalog.pg_class
            where
                pg_class.oid = listed
                and pg_class.relrowsecurity
                and not exists (
                    select
                    from pg_catalog.pg_policy
                    where
                        pg_policy.polrelid = pg_class.oid
                        and pg_policy.polname = 'service_policy'
                        and pg_class.relowner = any(pg_policy.polroles)
                )
        ) then
            execute format('drop policy if exists service_policy on %s', listed);
            execute format(
                'create policy service_policy on %s to %s using (case when '
                'nullif(current_setting(''oadb.user_id'', true), '''') is null then true '
                'else oadb.refuse_identity() end)',
                listed,
                (
                    select pg_class.relowner::regrole::text
                    from pg_catalog.pg_class
                    where pg_class.oid = listed
                )
            );
        end if;
    end loop;
end
$procedure$;

-- procedure oadb.merge_search_entries() -----------------------------------------------------------

-- Moves what a load added to the search of instruments to its place, or makes the indexes that
-- oadb.defer_search_indexes dropped.
create or replace procedure oadb.merge_search_entries()
 language plpgsql
 security definer
 set search_path to ''
as $procedure$
declare
    merged  constant regclass := to_regclass('oadb.instruments_broker_text_idx');
    -- Where each of the two extensions stands.
    schemas constant jsonb := (
        select jsonb_object_agg(pg_extension.extname, quote_ident(pg_namespace.nspname))
        from pg_catalog.pg_extension
        inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_extension.extnamespace
    );
begin
    if merged is not null then
        perform gin_clean_pending_list(merged);
        return;
    end if;
    create index if not exists instruments_ranked_idx
    on oadb.instruments (broker, length(symbol), upper(symbol), symbol, exchange);
    create index if not exists instruments_underlying_idx
    on oadb.instruments (broker, underlying, exchange, expiry)
    where underlying is not null;
    create index if not exists instruments_broker_symbol_idx
    on oadb.instruments (broker, exchange, broker_symbol);
    -- Last: where it is, all are.
    execute format(
        'create index if not exists instruments_broker_text_idx on oadb.instruments '
        'using gin ((broker || '' '' || (length(symbol) / 5)::text) %1$s.text_ops, '
        'search_text %2$s.gin_trgm_ops, (broker || '''') %1$s.text_ops) '
        'with (gin_pending_list_limit = 65536)',
        schemas ->> 'btree_gin', schemas ->> 'pg_trgm'
    );
end
$procedure$;

grant execute on procedure oadb.merge_search_entries() to public;

-- function oadb.note_ban_change() -----------------------------------------------------------------

-- A trigger: notes in ban_changes that a statement has changed rows.
create or replace function oadb.note_ban_change()
 returns trigger
 language plpgsql
 security definer
 set search_path to ''
as $function$
declare
    noted bigint;
begin
    -- Whoever has a table of his own could otherwise have everybody read all bans again.
    if tg_table_schema <> 'oadb' then
        raise insufficient_privilege using
            message = 'oadb.note_ban_change() serves the tables of oadb alone';
    end if;
    if tg_op <> 'TRUNCATE' then
        perform from changed limit 1;
        if not found then
            return null;
        end if;
    end if;
    insert into oadb.ban_changes default values
    returning ban_change_id into noted;
    -- At a higher level, a row that another transaction has deleted would be an error.
    if current_setting('transaction_isolation') = 'read committed' then
        delete from oadb.ban_changes
        where ban_change_id in (
            select older.ban_change_id
            from oadb.ban_changes as older
            where older.ban_change_id < noted
            order by older.ban_change_id
            limit 100
            for update skip locked
        );
    end if;
    return null;
end
$function$;

grant execute on function oadb.note_ban_change() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.note_deleted_user() ---------------------------------------------------------------

-- For a trigger of oadb.users: notes that a user was deleted.
create or replace function oadb.note_deleted_user()
 returns trigger
 language plpgsql
 security definer
 set search_path to ''
as $function$
declare
    actor text := coalesce(current_setting('oadb.user_id', true), '');
begin
    -- Whoever has a table of his own could otherwise have it note users.
    if tg_table_schema <> 'oadb' or tg_table_name <> 'users' then
        raise insufficient_privilege using
            message = 'oadb.note_deleted_user() serves oadb.users alone';
    end if;
    -- An identity writes no row of nobody; the owner of the table does.
    if actor <> '' then
        perform set_config('oadb.user_id', '', true);
    end if;
    insert into oadb.deleted_users (former_user_id)
    values (old.user_id)
    on conflict (former_user_id) do nothing;
    if actor <> '' then
        perform set_config('oadb.user_id', actor, true);
    end if;
    return null;
end
$function$;

grant execute on function oadb.note_deleted_user() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.record_security_event() -----------------------------------------------------------

-- Writes an event of the kind that the trigger names first, with the values of the columns that it
-- names then: never columns with secrets.
create or replace function oadb.record_security_event()
 returns trigger
 language plpgsql
 security definer
 set search_path to ''
as $function$
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
                when tg_argv[0] in ('order_approved', 'order_rejected') then new_row ->> 'decided_by'
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
$function$;

grant execute on function oadb.record_security_event() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.refuse_change() -------------------------------------------------------------------

-- For triggers that an identity meets: never returns.
create or replace function oadb.refuse_change()
 returns trigger
 language plpgsql
 set search_path to ''
as $function$
begin
    raise insufficient_privilege using
        message = format('%s takes no such change under an identity', tg_relid::regclass),
        hint = 'Make it without db.as_user.';
end
$function$;

grant execute on function oadb.refuse_change() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.refuse_identity() -----------------------------------------------------------------

-- For policies: never returns.
create or replace function oadb.refuse_identity()
 returns boolean
 language plpgsql
 parallel safe
 set search_path to ''
as $function$
begin
    raise insufficient_privilege using
        message = 'under an identity there is nothing but the rows of its user',
        hint = 'What belongs to no user is read and written without db.as_user.';
end
$function$;

grant execute on function oadb.refuse_identity() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- procedure oadb.renew_privileges() ---------------------------------------------------------------

-- For migrations that change tables, of services too: secures tables of users, and grants again
-- where roles are separate.
create or replace procedure oadb.renew_privileges()
 language plpgsql
 set search_path to ''
as $procedure$
begin
    call oadb.mend_restore();
    if exists (
        select
        from pg_catalog.pg_roles
        where
            rolname in (select role_privileges.role_name from oadb.role_privileges)
            and rolname <> current_user
            and has_schema_privilege(oid, 'oadb', 'usage')
    ) then
        call oadb.grant_privileges();
    else
        call oadb.secure_user_tables();
    end if;
end
$procedure$;

-- function oadb.rollup_resolutions() --------------------------------------------------------------

-- How long buckets are; they begin in step in UTC.
create or replace function oadb.rollup_resolutions()
 returns table(resolution interval)
 language sql
 immutable parallel safe
begin atomic
 select resolutions.resolution
    from ( values ('00:01:00'::interval), ('00:10:00'::interval), ('01:00:00'::interval), ('06:00:00'::interval), ('24:00:00'::interval), ('168:00:00'::interval)) resolutions(resolution);
end;

grant execute on function oadb.rollup_resolutions() to oadb_app, oadb_log, oadb_ro, oadb_rotate,
    oadb_user, public;

-- function oadb.rollup_spans(text,timestamp with time zone,timestamp with time zone) --------------

-- What a window is counted from: buckets by resolution, and rows (0) where there are none yet.
create or replace function oadb.rollup_spans(rolled_table text, since timestamp with time zone, until timestamp with time zone)
 returns table(resolution interval, starts_at timestamp with time zone, ends_at timestamp with time zone)
 language plpgsql
 stable parallel safe rows 10
 set search_path to ''
as $function$
#variable_conflict use_column
begin
    return query
    with dirty as materialized (
        select
            date_bin('1 minute', first_at, 'epoch') as starts_at,
            date_bin('1 minute', last_at, 'epoch') + interval '1 minute' as ends_at
        from oadb.log_batches
        where
            table_name = rolled_table
            and rolled_up_at is null
            and first_at < until
            and last_at >= since - interval '1 minute'
    ),

    dirty_spans as materialized (
        select unnest(range_agg(tstzrange(dirty.starts_at, dirty.ends_at))) as span
        from dirty
    ),

    dirty_buckets as (
        select
            resolutions.resolution,
            range_agg(
                tstzrange(
                    date_bin(resolutions.resolution, lower(dirty_spans.span), 'epoch'),
                    date_bin(
                        resolutions.resolution,
                        upper(dirty_spans.span) - interval '1 microsecond',
                        'epoch'
                    ) + resolutions.resolution
                )
            ) as spans
        from oadb.rollup_resolutions() as resolutions
        cross join dirty_spans
        group by resolutions.resolution
    ),

    edges as (
        select
            resolution,
            date_bin(
                resolution, since - interval '1 microsecond', 'epoch'
            ) + resolution as starts_at,
            date_bin(resolution, until, 'epoch') as ends_at
        from oadb.rollup_resolutions()
    ),

    whole as (
        select
            edges.resolution,
            tstzmultirange(tstzrange(edges.starts_at, greatest(edges.starts_at, edges.ends_at)))
            - coalesce(dirty_buckets.spans, tstzmultirange()) as spans
        from edges
        left join dirty_buckets on edges.resolution = dirty_buckets.resolution
    ),

    chosen as (
        select
            whole.resolution,
            unnest(
                whole.spans
                - coalesce(lead(whole.spans) over (order by whole.resolution), tstzmultirange())
            ) as span
        from whole
        union all
        select
            interval '0' as resolution,
            unnest(tstzmultirange(tstzrange(since, greatest(since, until))) - spans) as span
        from whole
        where resolution = interval '1 minute'
    )

    select
        chosen.resolution,
        lower(chosen.span),
        upper(chosen.span)
    from chosen;
end
$function$;

grant execute on function oadb.rollup_spans(text,timestamp with time zone,timestamp with time zone)
    to oadb_app, oadb_log, oadb_ro, oadb_rotate, oadb_user, public;

-- procedure oadb.secure_user_tables() -------------------------------------------------------------

-- Forces row-level security on each table of oadb and of oadb.user_tables, and makes those policies
-- of oadb.wanted_policies that lack. May be called again at any time, by the owner of the tables.
create or replace procedure oadb.secure_user_tables()
 language plpgsql
 set search_path to ''
as $procedure$
declare
    identity constant text := 'nullif(current_setting(''oadb.user_id'', true), '''')';
    missing  text;
    open     regclass[];
    each     regclass;
    lacking  oadb.wanted_policies[];
    wanted   oadb.wanted_policies;
    shown    text;
    roles    text;
begin
    call oadb.mend_restore();
    select format('%I.%I', user_tables.schema_name, user_tables.table_name) into missing
    from oadb.user_tables
    where to_regclass(format('%I.%I', user_tables.schema_name, user_tables.table_name)) is null
    order by 1
    limit 1;
    if found then
        raise undefined_table using
            message = format('oadb.user_tables lists %s, which does not exist', missing),
            hint = 'What drops a table also deletes its rows from oadb.user_tables and '
                || 'oadb.role_privileges.';
    end if;
    -- Both are read to the end before anything is changed: the lists are among these tables.
    select
        array_agg(distinct pg_class.oid::regclass) filter (
            where not (pg_class.relrowsecurity and pg_class.relforcerowsecurity)
        ),
        array_agg(wanted_policies) filter (where not wanted_policies.is_made)
    into open, lacking
    from oadb.wanted_policies
    inner join pg_catalog.pg_class on wanted_policies.table_id = pg_class.oid;
    foreach each in array coalesce(open, '{}') loop
        execute format('alter table %s enable row level security', each);
        execute format('alter table %s force row level security', each);
    end loop;
    foreach wanted in array coalesce(lacking, '{}') loop
        each := wanted.table_id::regclass;
        -- Not "is null", which Citus refuses here; it is stored as that.
        shown := case wanted.shows
            when 'own' then format('%I = %s::bigint', wanted.user_column, identity)
            when 'without identity' then identity || ' is not distinct from null'
            when 'or refuse' then
                'case when ' || identity || ' is not distinct from null then true '
                || 'else oadb.refuse_identity() end'
            else 'true'
        end;
        select string_agg(coalesce(quote_ident(pg_roles.rolname), 'public'), ', ') into roles
        from unnest(wanted.role_ids) as listed (role_id)
        left join pg_catalog.pg_roles on listed.role_id = pg_roles.oid;
        execute format('drop policy if exists %I on %s', wanted.policy_name, each);
        execute format(
            'create policy %I on %s for %s to %s',
            wanted.policy_name, each, wanted.command, roles
        )
        || case when wanted.command <> 'insert' then format(' using (%s)', shown) else '' end
        || case
            when wanted.write_check is not null
                then format(' with check (%s and (%s))', shown, wanted.write_check)
            when wanted.command = 'insert' then format(' with check (%s)', shown)
            else ''
        end;
    end loop;
end
$procedure$;

-- function oadb.try_again() -----------------------------------------------------------------------

-- Undoes a statement that began before what it must see; who runs it again sees it.
create or replace function oadb.try_again()
 returns interval
 language plpgsql
 set search_path to ''
as $function$
begin
    raise serialization_failure using message = 'oadb.try_again: undone by another at once';
end
$function$;

grant execute on function oadb.try_again() to oadb_app, oadb_log, oadb_ro, oadb_rotate, oadb_user,
    public;
