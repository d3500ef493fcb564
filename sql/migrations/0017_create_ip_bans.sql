-- depends: 0016_partition_logs
-- Networks that are kept out, those that never are, and what makes a network suspect.
--
-- Lock: none on tables that are there already.

-- Every table is new.
-- squawk-ignore-file require-concurrent-index-creation

set local lock_timeout = '4s';

create table oadb.ip_bans (
    network    inet        not null,
    reason     text        not null,
    offences   bigint      not null,
    banned_at  timestamptz not null,
    expires_at timestamptz,
    created_by text        not null,

    constraint ip_bans_pkey primary key (network),
    constraint ip_bans_network_check check (
        network = network(network)
        and masklen(network) = case when family(network) = 4 then 32 else 64 end
    ),
    constraint ip_bans_reason_check check (length(reason) <= 500),
    constraint ip_bans_offences_check check (offences >= 1),
    constraint ip_bans_banned_at_check check (isfinite(banned_at)),
    constraint ip_bans_expires_at_check check (expires_at > banned_at and isfinite(expires_at)),
    constraint ip_bans_created_by_check check (length(created_by) <= 254)
);

create index ip_bans_banned_at_idx on oadb.ip_bans (banned_at, network);
create index ip_bans_expires_at_idx on oadb.ip_bans (expires_at);

comment on table oadb.ip_bans is
'Networks that are or were kept out; see active_ip_bans. A ban that is over tells of an offender.';
comment on column oadb.ip_bans.network is 'An IPv4 address, or the /64 of an IPv6 address.';
comment on column oadb.ip_bans.offences is 'How often it was banned, expired bans included.';
comment on column oadb.ip_bans.expires_at is 'Null: never.';

create table oadb.ban_exemptions (
    network    inet        not null,
    reason     text        not null,
    is_builtin boolean     not null default false,
    created_at timestamptz not null default now(),

    constraint ban_exemptions_pkey primary key (network),
    -- A wider one would be a way to have no bans at all.
    constraint ban_exemptions_network_check check (
        network = network(network)
        and (is_builtin or masklen(network) >= 8)
    ),
    constraint ban_exemptions_reason_check check (length(reason) <= 500),
    constraint ban_exemptions_created_at_check check (isfinite(created_at))
);

create index ban_exemptions_network_idx on oadb.ban_exemptions using gist (network inet_ops);

comment on table oadb.ban_exemptions is
'Networks that are never banned: proxies, gateways, offices, and what no client comes from.';
comment on column oadb.ban_exemptions.is_builtin is 'ip_bans.unexempt leaves it.';

-- By the registries of IANA for special-purpose addresses. Those of documentation can be banned:
-- nobody is behind them, and examples need some.
insert into oadb.ban_exemptions (network, reason, is_builtin)
values
('0.0.0.0/8', 'unspecified', true),
('10.0.0.0/8', 'private', true),
('100.64.0.0/10', 'private: inside a provider', true),
('127.0.0.0/8', 'loopback', true),
('169.254.0.0/16', 'link-local', true),
('172.16.0.0/12', 'private', true),
('192.0.0.0/24', 'reserved', true),
('192.168.0.0/16', 'private', true),
('198.18.0.0/15', 'reserved', true),
('224.0.0.0/4', 'multicast', true),
('240.0.0.0/4', 'reserved', true),
('::/64', 'loopback, unspecified', true),
('::/3', 'reserved', true),
-- A /64 of it is everybody behind one server.
('2001::/32', 'Teredo', true),
('4000::/2', 'reserved', true),
('8000::/1', 'reserved', true),
('fc00::/7', 'private', true),
('fe80::/10', 'link-local', true),
('ff00::/8', 'multicast', true);

create table oadb.ip_trackers (
    kind     text        not null,
    network  inet        not null,
    hits     bigint      not null,
    first_at timestamptz not null,
    last_at  timestamptz not null,
    samples  text[]      not null,

    constraint ip_trackers_pkey primary key (kind, network),
    constraint ip_trackers_network_check check (network = network(network)),
    constraint ip_trackers_kind_check check (kind in ('not_found', 'bad_key')),
    constraint ip_trackers_hits_check check (hits >= 1),
    constraint ip_trackers_samples_check check (cardinality(samples) <= 50)
);

-- No index on what a hit changes, so that counting one is a change in its page alone.
create index ip_trackers_first_at_idx on oadb.ip_trackers (first_at);

comment on table oadb.ip_trackers is
'What makes a network suspect, counted for 24 hours from the first hit.';
comment on column oadb.ip_trackers.samples is
'Paths that were not there, or keyed digests of API keys that were wrong; different ones.';

-- An exemption suspends the bans in it. What overlaps is in it: no ban is wider.
create view oadb.active_ip_bans as
select
    ip_bans.network,
    ip_bans.reason,
    ip_bans.offences,
    ip_bans.banned_at,
    ip_bans.expires_at,
    ip_bans.created_by
from oadb.ip_bans
where
    (ip_bans.expires_at > now() or ip_bans.expires_at is null)
    and not exists (
        select from oadb.ban_exemptions
        where ban_exemptions.network && ip_bans.network
    );

comment on view oadb.active_ip_bans is 'Who is kept out now.';

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'ip_bans', 'select, insert, update, delete'),
(
    'oadb_app', 'ban_exemptions',
    'select, delete, insert (network, reason), update (reason)'
),
('oadb_app', 'ip_trackers', 'select, insert, update, delete'),
('oadb_app', 'active_ip_bans', 'select'),
('oadb_ro', 'ip_bans', 'select'),
('oadb_ro', 'ban_exemptions', 'select'),
('oadb_ro', 'ip_trackers', 'select'),
('oadb_ro', 'active_ip_bans', 'select');

call oadb.renew_privileges();
