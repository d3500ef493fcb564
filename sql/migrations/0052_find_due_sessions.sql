-- depends: 0051_say_when_to_sweep
-- Which sessions a sweep looks at.
-- transactional: false
--
-- Lock: none that keeps anybody from reading or writing; seconds for a million sessions.
-- Deploy: before the code that sweeps by sweep_at.

-- The connection sets lock_timeout; a second run would take an index that failed for the right one.
-- squawk-ignore-file require-lock-timeout, prefer-robust-stmts

create index concurrently sessions_sweep_at_idx on oadb.sessions (sweep_at);
