-- Sweeps go by the times that move.

set local lock_timeout = '4s';

alter table oadb.sessions drop column sweep_at;
alter table oadb.lockouts drop column sweep_at;
alter table oadb.known_networks drop column sweep_at;
alter table oadb.known_devices drop column sweep_at;
