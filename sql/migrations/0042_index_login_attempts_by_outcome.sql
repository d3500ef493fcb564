-- depends: 0041_key_login_attempts_by_time
-- A rare outcome is listed without reading the others.
--
-- Lock: none that readers or writers wait for; about two seconds for a million rows.
-- transactional: false

-- An index that failed is in the way of the next run, which says how to drop it.
-- squawk-ignore-file prefer-robust-stmts, require-lock-timeout

create index concurrently login_attempts_outcome_idx
on oadb.login_attempts (outcome, attempted_at, attempt_id);
