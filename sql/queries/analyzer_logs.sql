-- Analyzer logs: orders that were analyzed instead of sent to a broker. Bound in oadb/analyzer_logs.py.

-- name: store
copy oadb.analyzer_logs (
    logged_at,
    user_id,
    api_type,
    request,
    response
) from stdin;
