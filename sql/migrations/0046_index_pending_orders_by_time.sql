-- depends: 0045_index_setting_changes_by_time
-- Pending orders that have expired are found without reading the others.
--
-- Lock: none that readers or writers wait for.
-- transactional: false

-- An index that failed is in the way of the next run, which says how to drop it.
-- squawk-ignore-file prefer-robust-stmts, require-lock-timeout

create index concurrently pending_orders_created_at_idx on oadb.pending_orders (created_at);
