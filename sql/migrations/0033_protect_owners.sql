-- depends: 0032_record_changes
-- Lockouts that an attacker cannot use against an owner: networks and devices from which a user
-- signed in are known, and each has a counter of its own; every client is counted for each account
-- alone as well. Refused attempts of a client that has to wait share one row of the audit. Networks
-- in use are not banned by trackers.
--
-- Lock: access exclusive on oadb.login_attempts, while its rows are read twice: about two seconds
-- for ten million; share on oadb.sessions, while an index of it is built.
-- Deploy: before the code that reads the new tables. Processes of the code before it go on: they
-- count by account and network alone.

-- What is here already passes the wider checks; sessions are few, and the indexed attempts none.
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid
-- squawk-ignore-file require-concurrent-index-creation

set local lock_timeout = '4s';

-- Not strict, as in 0004.
create function oadb.client_network(ip inet) returns inet
language sql immutable parallel safe
return set_masklen(ip, case when family(ip) = 4 then 32 else 64 end)::cidr::inet;

comment on function oadb.client_network(inet) is
'The network of which a client has all addresses: an IPv4 address, or the /64 of an IPv6 address.';

create table oadb.known_networks (
    user_id      bigint      not null,
    network      inet        not null,
    signed_in_at timestamptz not null default now(),

    constraint known_networks_pkey primary key (user_id, network),
    constraint known_networks_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint known_networks_network_check check (network = oadb.client_network(network))
);

create index known_networks_network_idx on oadb.known_networks (network);
create index known_networks_signed_in_at_idx on oadb.known_networks (signed_in_at);

comment on table oadb.known_networks is
'Networks from which users signed in: for 30 days, failures elsewhere do not slow them there.';
comment on column oadb.known_networks.network is 'An IPv4 address, or the /64 of an IPv6 address.';
comment on column oadb.known_networks.signed_in_at is 'The last time.';

create table oadb.known_devices (
    user_id      bigint      not null,
    device_id    uuid        not null default gen_random_uuid(),
    token_digest bytea       not null,
    signed_in_at timestamptz not null default now(),

    constraint known_devices_pkey primary key (user_id, device_id),
    constraint known_devices_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint known_devices_token_digest_check check (octet_length(token_digest) = 32)
);

create index known_devices_signed_in_at_idx on oadb.known_devices (signed_in_at);

comment on table oadb.known_devices is
'Devices from which users signed in: failures elsewhere do not slow them. A token alone signs '
'nobody in.';
comment on column oadb.known_devices.token_digest is
'HMAC-SHA256 of the SHA-256 of the token, under the key that was primary at the last sign-in.';
comment on column oadb.known_devices.signed_in_at is 'The last time.';

-- Owners are known from the first day on.
insert into oadb.known_networks (user_id, network, signed_in_at)
select
    login_attempts.user_id,
    oadb.client_network(login_attempts.ip),
    max(login_attempts.attempted_at)
from oadb.login_attempts
where
    login_attempts.outcome = 'succeeded'
    and login_attempts.attempted_at > now() - interval '30 days'
    and login_attempts.user_id is not null
    and login_attempts.ip is not null
group by login_attempts.user_id, oadb.client_network(login_attempts.ip);

alter table oadb.lockouts
drop constraint lockouts_kind_check,
add constraint lockouts_kind_check check (
    kind in ('account', 'account_network', 'device', 'network')
),
drop constraint lockouts_subject_check,
add constraint lockouts_subject_check check (length(subject) between 1 and 600);

comment on table oadb.lockouts is
'Failed sign-ins in a row, by account name (also of nobody), network, both together, and device.';
comment on column oadb.lockouts.subject is
'A user name in lower case, a network (an IPv4 address; the /64, /56 or /48 of an IPv6 address), '
'both with a space between them, or the id of a known device.';
comment on column oadb.lockouts.failed_at is 'The last try.';
comment on column oadb.lockouts.decayed_at is 'Until when failures are forgotten, one by one.';

alter table oadb.login_attempts
add column tries bigint not null default 1,
add column last_at timestamptz,
add column locked_hour_at timestamptz,
add column locked_network text,
add column locked_account text,
add constraint login_attempts_tries_check check (tries >= 1);

create unique index login_attempts_locked_key on oadb.login_attempts (
    locked_hour_at, locked_network, locked_account
) where locked_hour_at is not null;

comment on table oadb.login_attempts is
'Audit: every sign-in that was tried. Rows are never changed, but those of a client that has to '
'wait: its further tries within the hour are counted.';
comment on column oadb.login_attempts.tries is 'How many tries of a client that has to wait.';
comment on column oadb.login_attempts.last_at is 'The last of several tries; null: there is one.';
comment on column oadb.login_attempts.locked_hour_at is
'The hour, of a client that has to wait; null in other rows.';
comment on column oadb.login_attempts.locked_network is 'The widest network of that client.';
comment on column oadb.login_attempts.locked_account is
'The account that has to wait; empty: the network has to, whichever account it names.';

-- Bans of 6to4 networks: their clients now count as the IPv4 address that these carry.
with tunnelled as (
    delete from oadb.ip_bans
    where ip_bans.network << '2002::/16'
    returning
        (
            'x' || encode(substring(inet_send(ip_bans.network) from 7 for 4), 'hex')
        )::bit(32)::bigint as ipv4,
        ip_bans.reason,
        ip_bans.offences,
        ip_bans.banned_at,
        ip_bans.expires_at,
        ip_bans.source,
        ip_bans.banned_by
)

insert into oadb.ip_bans (
    network,
    reason,
    offences,
    banned_at,
    expires_at,
    source,
    banned_by
)
select distinct on (tunnelled.ipv4)
    inet '0.0.0.0' + tunnelled.ipv4,
    tunnelled.reason,
    tunnelled.offences,
    tunnelled.banned_at,
    tunnelled.expires_at,
    tunnelled.source,
    tunnelled.banned_by
from tunnelled
order by
    tunnelled.ipv4 asc,
    tunnelled.expires_at desc nulls first
on conflict (network) do nothing;

-- A network in use: somebody who signed in there is a user, not a scanner.
create index sessions_network_idx on oadb.sessions (oadb.client_network(ip));

create view oadb.networks_in_use with (security_invoker = true) as
select oadb.client_network(sessions.ip) as network
from oadb.sessions
where sessions.lapses_at > now()
union all
select known_networks.network
from oadb.known_networks
where known_networks.signed_in_at > now() - interval '30 days';

comment on view oadb.networks_in_use is
'Networks with a live session, or from which somebody signed in during the last 30 days.';

insert into oadb.user_tables (table_name)
values
('known_networks'),
('known_devices');

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'known_networks', 'select, insert, update, delete'),
('oadb_app', 'known_devices', 'select, insert, update, delete'),
('oadb_app', 'networks_in_use', 'select'),
('oadb_ro', 'known_networks', 'select'),
('oadb_ro', 'known_devices', 'select (user_id, device_id, signed_in_at)'),
('oadb_ro', 'networks_in_use', 'select'),
('oadb_user', 'known_networks', 'select, insert, update, delete'),
('oadb_user', 'known_devices', 'select, insert, update, delete');

-- The counts of a row, which oadb_app may also delete; the rest of the audit stays as it is.
update oadb.role_privileges
set
    privileges = 'select, delete, update (tries, last_at),
    insert (username, user_id, ip, device, broker, method, outcome, reason, locked_hour_at,
    locked_network, locked_account)'
where
    role_name = 'oadb_app'
    and table_name = 'login_attempts';

call oadb.renew_privileges();
