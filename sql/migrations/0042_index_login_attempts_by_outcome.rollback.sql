drop index concurrently oadb.login_attempts_outcome_idx;
