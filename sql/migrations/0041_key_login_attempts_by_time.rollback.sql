drop index concurrently oadb.login_attempts_time_key;
