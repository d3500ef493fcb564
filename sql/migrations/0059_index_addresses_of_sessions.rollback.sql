-- Sessions are not found by their address.

drop index concurrently oadb.sessions_ip_idx;
