-- depends: 0044_partition_login_attempts
-- Changes of settings that have expired are found without reading the others.
--
-- Lock: none that readers or writers wait for.
-- transactional: false

-- An index that failed is in the way of the next run, which says how to drop it.
-- squawk-ignore-file prefer-robust-stmts, require-lock-timeout

create index concurrently setting_changes_changed_at_idx on oadb.setting_changes (changed_at);
