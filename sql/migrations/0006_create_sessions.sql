-- depends: 0005_seal_passwords
-- Sessions: one row for each sign-in that still counts. Ending one deletes its row.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.sessions (
    user_id      bigint      not null,
    session_id   uuid        not null,
    token_digest bytea       not null,
    fingerprint  bytea       not null,
    key_id       bigint      generated always as (oadb.key_id_of(fingerprint)) stored,
    device       text,
    ip           inet,
    broker       text,
    data         jsonb       not null default '{}',
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    idle_timeout interval    not null,
    lapses_at    timestamptz not null,
    expires_at   timestamptz not null,

    constraint sessions_pkey primary key (user_id, session_id),
    constraint sessions_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint sessions_key_id_fkey
    foreign key (key_id) references oadb.key_canaries (key_id),
    constraint sessions_token_digest_check check (octet_length(token_digest) = 32),
    constraint sessions_fingerprint_check check (oadb.is_sealed(fingerprint)),
    constraint sessions_device_check check (length(device) between 1 and 500),
    constraint sessions_broker_check check (length(broker) between 1 and 50),
    constraint sessions_data_check check (jsonb_typeof(data) = 'object'),
    constraint sessions_idle_timeout_check check (idle_timeout >= interval '2 minutes'),
    constraint sessions_lapses_at_check check (lapses_at <= expires_at),
    constraint sessions_expires_at_check check (expires_at > created_at)
);

-- Not unique, so that the table can be distributed by user_id: two random tokens do not meet.
create index sessions_token_digest_idx on oadb.sessions (token_digest);
create index sessions_lapses_at_idx on oadb.sessions (lapses_at);
create index sessions_key_id_idx on oadb.sessions (key_id, user_id, session_id);

comment on table oadb.sessions is 'Sign-ins that have neither been ended nor swept.';
comment on column oadb.sessions.token_digest is 'HMAC-SHA256 of the SHA-256 of the token.';
comment on column oadb.sessions.fingerprint is
'Sealed: the SHA-256 of the token, from which a digest under a new key can be made.';
comment on column oadb.sessions.key_id is 'The key of both the digest and the fingerprint.';
comment on column oadb.sessions.data is 'What the service keeps with the session; no secrets.';
comment on column oadb.sessions.last_seen_at is 'To the minute: written at most once in each.';
comment on column oadb.sessions.lapses_at is
'last_seen_at and idle_timeout, but not beyond expires_at; from then on the session is no more.';
comment on column oadb.sessions.expires_at is 'Fixed when the session is created.';
