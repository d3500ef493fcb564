-- depends: 0052_find_due_sessions
-- Frequent updates set no indexed column, and find room in the page of their row: PostgreSQL then
-- writes to no index (a HOT update).
--
-- Lock: sign-ins wait while three indexes are built, a second for a million known networks; then
-- access exclusive on oadb.sessions, lockouts, known_networks and known_devices, whose indexes are
-- dropped, for a moment; share update exclusive on oadb.ip_trackers, changes, api_keys and
-- second_factors. A fillfactor holds for pages that are written from now on.
-- Deploy: with the code that sweeps by sweep_at: that before it would read all rows.

-- What is dropped or built is small, or locked for a moment.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

set local lock_timeout = '4s';

alter table oadb.sessions validate constraint sessions_sweep_at_check;

create index lockouts_sweep_at_idx on oadb.lockouts (sweep_at);
create index known_networks_sweep_at_idx on oadb.known_networks (sweep_at);
create index known_devices_sweep_at_idx on oadb.known_devices (sweep_at);

drop index oadb.sessions_lapses_at_idx;
drop index oadb.lockouts_failed_at_idx;
drop index oadb.known_networks_signed_in_at_idx;
drop index oadb.known_devices_signed_in_at_idx;

alter table oadb.sessions set (fillfactor = 80);
alter table oadb.lockouts set (fillfactor = 70);
alter table oadb.known_networks set (fillfactor = 90);
alter table oadb.known_devices set (fillfactor = 90);
alter table oadb.ip_trackers set (fillfactor = 70);
-- One statement updates all rows of a page, each once in its life.
alter table oadb.changes set (fillfactor = 50);
alter table oadb.api_keys set (fillfactor = 80);
alter table oadb.second_factors set (fillfactor = 90);
