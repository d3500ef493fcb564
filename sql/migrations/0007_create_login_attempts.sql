-- Sign-ins that were tried, and the counters that slow down who guesses.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.login_attempts (
    attempt_id   bigint      generated always as identity,
    attempted_at timestamptz not null default now(),
    username     text        not null,
    user_id      bigint,
    ip           inet,
    device       text,
    broker       text,
    method       text        not null,
    outcome      text        not null,
    reason       text,

    constraint login_attempts_pkey primary key (attempt_id),
    constraint login_attempts_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete set null,
    constraint login_attempts_username_check check (length(username) between 1 and 254),
    constraint login_attempts_device_check check (length(device) between 1 and 500),
    constraint login_attempts_broker_check check (length(broker) between 1 and 50),
    constraint login_attempts_method_check check (
        method in ('password', 'oauth', 'resume', 'code')
    ),
    constraint login_attempts_outcome_check check (
        outcome in ('succeeded', 'failed', 'locked', 'resumed')
    ),
    constraint login_attempts_reason_check check (length(reason) between 1 and 500)
);

create index login_attempts_attempted_at_idx on oadb.login_attempts (attempted_at, attempt_id);
create index login_attempts_user_id_idx on oadb.login_attempts (user_id, attempted_at);

comment on table oadb.login_attempts is
'Audit: every sign-in that was tried. Rows are never changed.';
comment on column oadb.login_attempts.username is 'As it was given, whether or not it exists.';
comment on column oadb.login_attempts.user_id is 'Who was meant. Null: nobody of that name.';

create table oadb.lockouts (
    kind       text        not null,
    subject    text        not null,
    failures   bigint      not null,
    failed_at  timestamptz not null,
    unlocks_at timestamptz,

    constraint lockouts_pkey primary key (kind, subject),
    constraint lockouts_kind_check check (kind in ('account', 'network')),
    constraint lockouts_subject_check check (length(subject) between 1 and 254),
    constraint lockouts_failures_check check (failures >= 0)
);

create index lockouts_failed_at_idx on oadb.lockouts (failed_at);

comment on table oadb.lockouts is
'Failed sign-ins in a row, by account name (also of nobody) and by network.';
comment on column oadb.lockouts.subject is
'A user name in lower case, or an IPv4 address, or the /64 of an IPv6 address.';
comment on column oadb.lockouts.failed_at is
'The last failure; after a quiet quarter of an hour the count begins again.';
comment on column oadb.lockouts.unlocks_at is 'Null: too few failures to lock.';
