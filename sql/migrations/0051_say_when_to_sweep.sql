-- depends: 0050_compare_names_by_bytes
-- When a sweep looks at a session, a lockout or a known client next. The times that sweeps went by
-- move with each use, and an index on them had every use write to all indexes of its table.
--
-- Lock: access exclusive on oadb.sessions, lockouts, known_networks and known_devices, for a
-- moment.
-- Deploy: before the code that sweeps by sweep_at. Rows of older code are due at once: the next
-- sweep looks at them and says when to look again.

set local lock_timeout = '4s';

alter table oadb.sessions
add column sweep_at timestamptz not null default 'epoch',
add constraint sessions_sweep_at_check check (sweep_at <= expires_at) not valid;

alter table oadb.lockouts add column sweep_at timestamptz not null default 'epoch';
alter table oadb.known_networks add column sweep_at timestamptz not null default 'epoch';
alter table oadb.known_devices add column sweep_at timestamptz not null default 'epoch';

comment on column oadb.sessions.sweep_at is
'When a sweep looks at it next; it lapses then or later. Moves only when a sweep has looked.';
comment on column oadb.lockouts.sweep_at is
'When a sweep looks at it next. Moves only when a sweep has looked.';
comment on column oadb.known_networks.sweep_at is
'When a sweep looks at it next. Moves only when a sweep has looked.';
comment on column oadb.known_devices.sweep_at is
'When a sweep looks at it next. Moves only when a sweep has looked.';
