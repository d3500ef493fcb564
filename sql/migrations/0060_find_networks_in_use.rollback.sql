-- Networks of sessions are computed from their addresses.

-- squawk-ignore-file require-concurrent-index-creation

set local lock_timeout = '4s';

create index sessions_network_idx on oadb.sessions (oadb.client_network(ip));

create or replace view oadb.networks_in_use with (security_invoker = true) as
select oadb.client_network(sessions.ip) as network
from oadb.sessions
where sessions.lapses_at > now()
union all
select known_networks.network
from oadb.known_networks
where known_networks.signed_in_at > now() - interval '30 days';

comment on view oadb.networks_in_use is
'Networks with a live session, or from which somebody signed in during the last 30 days.';
