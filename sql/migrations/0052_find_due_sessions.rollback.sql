-- Sweeps do not find due sessions by an index.

drop index concurrently oadb.sessions_sweep_at_idx;
