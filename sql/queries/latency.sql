-- Latency: how long calls to brokers took, part by part. Bound in oadb/latency.py.

-- name: store
copy oadb.latency (
    logged_at,
    user_id,
    order_id,
    broker,
    symbol,
    order_type,
    rtt_ms,
    validation_ms,
    response_ms,
    overhead_ms,
    total_ms,
    outcome,
    error
) from stdin;
