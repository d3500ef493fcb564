-- depends: 0006_create_sessions
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
        outcome in ('succeeded', 'failed', 'locked', 'unverified', 'resumed')
    ),
    constraint login_attempts_reason_check check (length(reason) between 1 and 500)
);

create index login_attempts_attempted_at_idx on oadb.login_attempts (attempted_at, attempt_id);
create index login_attempts_user_id_idx on oadb.login_attempts (user_id, attempted_at);

comment on table oadb.login_attempts is
'Audit: every sign-in that was tried. Rows are never changed.';
comment on column oadb.login_attempts.username is 'As it was given, whether or not it exists.';
comment on column oadb.login_attempts.user_id is 'Who was meant. Null: nobody of that name.';

comment on column oadb.login_attempts.outcome is
'Unverified: the password was not looked at, for want of capacity or of the database.';

create table oadb.lockouts (
    kind       text        not null,
    subject    text        not null,
    failures   bigint      not null,
    failed_at  timestamptz not null,
    unlocks_at timestamptz,
    decayed_at timestamptz not null default now(),

    constraint lockouts_pkey primary key (kind, subject),
    constraint lockouts_kind_check check (kind in ('account', 'network')),
    -- The lower case of one letter may be two.
    constraint lockouts_subject_check check (length(subject) between 1 and 508),
    constraint lockouts_failures_check check (failures >= 0)
);

create index lockouts_failed_at_idx on oadb.lockouts (failed_at);

comment on table oadb.lockouts is
'Failed sign-ins in a row, by account name (also of nobody) and by network.';
comment on column oadb.lockouts.subject is
'A user name in lower case, or an IPv4 address, or the /64 of an IPv6 address.';
comment on column oadb.lockouts.failed_at is
'The last try; an account''s count begins again a quiet quarter of an hour later.';
comment on column oadb.lockouts.unlocks_at is 'Null: too few failures to lock.';
comment on column oadb.lockouts.decayed_at is
'Until when a network''s failures are forgotten, one a minute; of no meaning for an account.';

-- Not strict, as in 0004.
create function oadb.lockout_wait(failures bigint, allowed bigint) returns interval
language sql immutable parallel safe
return case
    when failures >= allowed
        then least(power(2, least(failures - allowed, 20)), 900) * interval '1 second'
end;

comment on function oadb.lockout_wait(bigint, bigint) is
'How long to wait after so many failures in a row, from as many on as are allowed: 1 s, 2 s, 4 s, '
'up to 15 minutes. Null: not at all.';

create function oadb.try_again() returns interval
language plpgsql
set search_path = ''
as $$
begin
    raise serialization_failure using message = 'oadb.try_again: undone by another at once';
end
$$;

comment on function oadb.try_again() is
'Undoes a statement that began before what it must see; who runs it again sees it.';
