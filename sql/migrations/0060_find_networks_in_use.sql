-- depends: 0059_index_addresses_of_sessions
-- Networks in use are found by an index: under row-level security, each look read all sessions.
--
-- Lock: access exclusive on oadb.networks_in_use and on oadb.sessions, whose old index is dropped,
-- for a moment.
-- Deploy: with the code. The code before it compares networks for equality, and no longer finds
-- those of sessions by IPv6; sign-ins of the last 30 days it finds.

-- squawk-ignore-file require-concurrent-index-deletion

set local lock_timeout = '4s';

create or replace view oadb.networks_in_use with (security_invoker = true) as
select sessions.ip as network
from oadb.sessions
where sessions.lapses_at > now()
union all
select known_networks.network
from oadb.known_networks
where known_networks.signed_in_at > now() - interval '30 days';

comment on view oadb.networks_in_use is
'Addresses of sessions, and networks from which somebody signed in in the last 30 days: they are '
'not banned by hits. To be compared with a range, from a network to its last address.';

drop index oadb.sessions_network_idx;
