-- depends: 0058_search_by_broker
-- Which sessions come from a network, by an index that row-level security can use: the comparison
-- of addresses is leakproof, the function in the index before it is not.
-- transactional: false
--
-- Lock: none that keeps anybody from reading or writing; seconds for a million sessions.
-- Deploy: before the code that looks for networks in use by ranges.

-- The connection sets lock_timeout; a second run would take an index that failed for the right one.
-- squawk-ignore-file require-lock-timeout, prefer-robust-stmts

create index concurrently sessions_ip_idx on oadb.sessions (ip);
