-- depends: 0007_create_login_attempts
-- API keys: what a program shows to act for a user.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.api_keys (
    user_id      bigint      not null,
    api_key_id   uuid        not null,
    name         text        not null,
    hint         text        not null,
    token_digest bytea       not null,
    fingerprint  bytea       not null,
    kept_token   bytea,
    key_id       bigint      generated always as (oadb.key_id_of(fingerprint)) stored,
    scopes       text[]      not null,
    order_mode   text        not null,
    created_at   timestamptz not null default now(),
    rotated_at   timestamptz,
    last_used_at timestamptz,
    expires_at   timestamptz,
    revoked_at   timestamptz,

    constraint api_keys_pkey primary key (user_id, api_key_id),
    constraint api_keys_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint api_keys_key_id_fkey
    foreign key (key_id) references oadb.key_canaries (key_id),
    constraint api_keys_name_check check (length(name) between 1 and 100),
    constraint api_keys_hint_check check (length(hint) between 1 and 20),
    constraint api_keys_token_digest_check check (octet_length(token_digest) = 32),
    constraint api_keys_fingerprint_check check (oadb.is_sealed(fingerprint)),
    constraint api_keys_kept_token_check check (
        oadb.is_sealed(kept_token)
        and oadb.key_id_of(kept_token) = oadb.key_id_of(fingerprint)
    ),
    constraint api_keys_scopes_check check (
        cardinality(scopes) <= 50 and array_position(scopes, null) is null
    ),
    constraint api_keys_order_mode_check check (order_mode in ('auto', 'semi_auto'))
);

-- Not unique, so that the table can be distributed by user_id: two random tokens do not meet.
create index api_keys_token_digest_idx on oadb.api_keys (token_digest);
create index api_keys_key_id_idx on oadb.api_keys (key_id, user_id, api_key_id);

comment on table oadb.api_keys is 'Keys of programs, also revoked ones.';
comment on column oadb.api_keys.hint is
'First and last characters, so that a person can tell keys apart.';
comment on column oadb.api_keys.token_digest is 'HMAC-SHA256 of the SHA-256 of the key.';
comment on column oadb.api_keys.fingerprint is
'Sealed: the SHA-256 of the key, from which a digest under a new root key can be made.';
comment on column oadb.api_keys.kept_token is
'Sealed: the key itself, where its owner chose to see it again. Null: shown once.';
comment on column oadb.api_keys.key_id is 'The root key of digest, fingerprint and kept_token.';
comment on column oadb.api_keys.order_mode is
'auto: orders go to the broker; semi_auto: a person approves each.';
comment on column oadb.api_keys.last_used_at is 'To the minute. Null: never used.';
comment on column oadb.api_keys.expires_at is 'Null: never.';
