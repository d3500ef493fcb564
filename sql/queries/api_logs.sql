-- API logs: requests to the API and what they were answered. Bound in oadb/api_logs.py.

-- name: store
copy oadb.api_logs (
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    ip,
    request,
    response,
    error
) from stdin;
