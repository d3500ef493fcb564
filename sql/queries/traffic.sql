-- Traffic: HTTP requests, whatever they asked for. Bound in oadb/traffic.py.

-- name: store
copy oadb.traffic (
    logged_at,
    ip,
    method,
    path,
    endpoint,
    status,
    duration_ms,
    host,
    user_id,
    error
) from stdin;
