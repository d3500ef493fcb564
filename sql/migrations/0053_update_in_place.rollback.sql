-- Times that move are indexed again, and pages are filled.

-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

set local lock_timeout = '4s';

alter table oadb.sessions reset (fillfactor);
alter table oadb.lockouts reset (fillfactor);
alter table oadb.known_networks reset (fillfactor);
alter table oadb.known_devices reset (fillfactor);
alter table oadb.ip_trackers reset (fillfactor);
alter table oadb.changes reset (fillfactor);
alter table oadb.api_keys reset (fillfactor);
alter table oadb.second_factors reset (fillfactor);

create index sessions_lapses_at_idx on oadb.sessions (lapses_at);
create index lockouts_failed_at_idx on oadb.lockouts (failed_at);
create index known_networks_signed_in_at_idx on oadb.known_networks (signed_in_at);
create index known_devices_signed_in_at_idx on oadb.known_devices (signed_in_at);

drop index oadb.lockouts_sweep_at_idx;
drop index oadb.known_networks_sweep_at_idx;
drop index oadb.known_devices_sweep_at_idx;

-- It was not validated before.
alter table oadb.sessions
drop constraint sessions_sweep_at_check,
add constraint sessions_sweep_at_check check (sweep_at <= expires_at) not valid;
