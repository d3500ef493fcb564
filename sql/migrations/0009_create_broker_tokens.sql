-- depends: 0008_create_api_keys
-- Broker tokens: what a user's broker gave us to act for that user. All of it is sealed.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.broker_tokens (
    user_id        bigint      not null,
    broker         text        not null,
    client_id      text,
    access_token   bytea,
    refresh_token  bytea,
    feed_token     bytea,
    parameters     bytea,
    content_digest bytea,
    key_id         bigint      generated always as (oadb.key_id_of(access_token)) stored,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    expires_at     timestamptz,
    revoked_at     timestamptz,

    constraint broker_tokens_pkey primary key (user_id, broker),
    constraint broker_tokens_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint broker_tokens_key_id_fkey
    foreign key (key_id) references oadb.key_canaries (key_id),
    constraint broker_tokens_broker_check check (broker ~ '^[a-z0-9_]{1,50}$'),
    constraint broker_tokens_client_id_check check (length(client_id) between 1 and 255),
    constraint broker_tokens_access_token_check check (oadb.is_sealed(access_token)),
    constraint broker_tokens_refresh_token_check check (
        oadb.is_sealed(refresh_token)
        and oadb.key_id_of(refresh_token) = oadb.key_id_of(access_token)
    ),
    constraint broker_tokens_feed_token_check check (
        oadb.is_sealed(feed_token)
        and oadb.key_id_of(feed_token) = oadb.key_id_of(access_token)
    ),
    constraint broker_tokens_parameters_check check (
        oadb.is_sealed(parameters)
        and oadb.key_id_of(parameters) = oadb.key_id_of(access_token)
    ),
    constraint broker_tokens_content_digest_check check (octet_length(content_digest) = 32),
    -- What is revoked is gone: nothing that could still be used stays behind.
    constraint broker_tokens_revoked_at_check check (
        case
            when revoked_at is null
                then access_token is not null and content_digest is not null
            else
                num_nonnulls(
                    access_token, refresh_token, feed_token, parameters, content_digest
                ) = 0
        end
    )
);

create index broker_tokens_expires_at_idx on oadb.broker_tokens (expires_at);
create index broker_tokens_key_id_idx on oadb.broker_tokens (key_id, user_id, broker);

comment on table oadb.broker_tokens is 'One row for each user and broker, also after revocation.';
comment on column oadb.broker_tokens.broker is 'As the platform names it: zerodha, angel.';
comment on column oadb.broker_tokens.client_id is 'What the broker calls this user.';
comment on column oadb.broker_tokens.access_token is 'Sealed. Null: revoked.';
comment on column oadb.broker_tokens.refresh_token is 'Sealed. Null: none was given.';
comment on column oadb.broker_tokens.feed_token is 'Sealed: for market data. Null: none was given.';
comment on column oadb.broker_tokens.parameters is
'Sealed: a JSON object of what else the broker needs.';
comment on column oadb.broker_tokens.content_digest is
'HMAC-SHA256 of all that is sealed, by which a put knows whether it changes anything.';
comment on column oadb.broker_tokens.key_id is 'The key of all sealed columns of the row.';
comment on column oadb.broker_tokens.expires_at is 'When the broker ends the token. Null: unknown.';
