-- depends: 0040_refuse_enabling_oneself
-- The key that login_attempts has as a partition, which 0044 makes of it.
--
-- Lock: none that readers or writers wait for; about two seconds for a million rows.
-- transactional: false

-- An index that failed is in the way of the next run, which says how to drop it.
-- squawk-ignore-file prefer-robust-stmts, require-lock-timeout

create unique index concurrently login_attempts_time_key
on oadb.login_attempts (attempted_at, attempt_id);
