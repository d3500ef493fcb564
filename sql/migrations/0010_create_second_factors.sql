-- depends: 0009_create_broker_tokens
-- Second factors: the time-based one-time codes (TOTP, RFC 6238) of users who have them.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.second_factors (
    user_id                        bigint      not null,
    secret                         bytea       not null,
    key_id                         bigint      generated always as (oadb.key_id_of(secret)) stored,
    last_step                      bigint      not null default 0,
    failures                       bigint      not null default 0,
    unlocks_at                     timestamptz,
    is_required_for_login          boolean     not null default true,
    is_required_for_mcp            boolean     not null default false,
    is_required_for_password_reset boolean     not null default true,
    created_at                     timestamptz not null default now(),
    confirmed_at                   timestamptz,

    constraint second_factors_pkey primary key (user_id),
    constraint second_factors_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint second_factors_key_id_fkey
    foreign key (key_id) references oadb.key_canaries (key_id),
    constraint second_factors_secret_check check (oadb.is_sealed(secret)),
    constraint second_factors_failures_check check (failures >= 0)
);

create index second_factors_key_id_idx on oadb.second_factors (key_id, user_id);

comment on table oadb.second_factors is 'Users who have a TOTP generator, confirmed or not yet.';
comment on column oadb.second_factors.secret is
'Sealed: what the generator shares with us, in base32.';
comment on column oadb.second_factors.key_id is 'The key that the secret is sealed under.';
comment on column oadb.second_factors.last_step is
'The 30 seconds (counted since 1970) of the last accepted code: none is accepted twice.';
comment on column oadb.second_factors.failures is 'Wrong codes since the last right one.';
comment on column oadb.second_factors.unlocks_at is 'Until then no code is looked at.';
comment on column oadb.second_factors.created_at is
'When this generator was made: by it a code is known to be of this one, under whatever key.';
comment on column oadb.second_factors.confirmed_at is
'When the user proved to have the generator. Null: it is required for nothing yet.';
