-- depends: 0001_create_schema
-- Accounts: one row for each person who can sign in.
--
-- Lock: none, the table is new.

set local lock_timeout = '4s';

create table oadb.users (
    user_id       bigint      generated always as identity,
    username      text        not null,
    email         text        not null,
    first_name    text,
    last_name     text,
    password_hash text,
    is_admin      boolean     not null default false,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),

    constraint users_pkey primary key (user_id),
    constraint users_username_check check (username ~ '^[[:alnum:]._@-]{1,80}$'),
    constraint users_email_check check (
        email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254
    ),
    constraint users_first_name_check check (length(first_name) between 1 and 200),
    constraint users_last_name_check check (length(last_name) between 1 and 200)
);

-- Two spellings of a name or an address are one person: a@x.in and A@x.in.
create unique index users_username_lower_key on oadb.users (lower(username));
create unique index users_email_lower_key on oadb.users (lower(email));

comment on table oadb.users is 'People who can sign in.';
comment on column oadb.users.username is 'As typed at registration; compared in any letter case.';
comment on column oadb.users.email is 'At most 254 characters, the limit of RFC 5321.';
comment on column oadb.users.password_hash is
'Argon2id in PHC format. Null: this person cannot sign in with a password.';
comment on column oadb.users.updated_at is 'Last change of the profile or the password.';
