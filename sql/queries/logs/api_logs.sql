-- API logs: requests to the API and the responses to them. Bound in oadb/logs/api_logs.py.
--
-- Lists have the newest rows first, at most 1000, from :since on. For the next page,
-- :before_at and :before_id are logged_at and log_id of the last row of this page.
-- Without an id, the list ends before :before_at. Null means no bound. logged_at is
-- also compared by itself, so that PostgreSQL prunes partitions.

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

-- name: _insert
-- Timed by this statement, not by the start of the transaction.
insert into oadb.api_logs (
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    ip,
    request,
    response,
    error
)
values (
    statement_timestamp(),
    :user_id,
    :endpoint,
    :method,
    :status,
    cast(cast(:ip as text) as inet),
    :request,
    :response,
    :error
);

-- name: list_recent
-- Served by api_logs_pkey.
select
    log_id,
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at <= coalesce(cast(:before_at as timestamptz), 'infinity')
    and (logged_at, log_id) < (
        coalesce(cast(:before_at as timestamptz), 'infinity'), coalesce(:before_id, 0)
    )
order by
    logged_at desc,
    log_id desc
limit least(:page_size, 1000);

-- name: list_by_user
-- Served by api_logs_user_id_idx.
select
    log_id,
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    user_id = :user_id
    and logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at <= coalesce(cast(:before_at as timestamptz), 'infinity')
    and (logged_at, log_id) < (
        coalesce(cast(:before_at as timestamptz), 'infinity'), coalesce(:before_id, 0)
    )
order by
    logged_at desc,
    log_id desc
limit least(:page_size, 1000);

-- name: list_by_endpoint
-- Served by api_logs_endpoint_idx.
select
    log_id,
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    endpoint = :endpoint
    and logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at <= coalesce(cast(:before_at as timestamptz), 'infinity')
    and (logged_at, log_id) < (
        coalesce(cast(:before_at as timestamptz), 'infinity'), coalesce(:before_id, 0)
    )
order by
    logged_at desc,
    log_id desc
limit least(:page_size, 1000);

-- name: list_by_status
-- Served by api_logs_status_idx.
select
    log_id,
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    status = :status
    and logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at <= coalesce(cast(:before_at as timestamptz), 'infinity')
    and (logged_at, log_id) < (
        coalesce(cast(:before_at as timestamptz), 'infinity'), coalesce(:before_id, 0)
    )
order by
    logged_at desc,
    log_id desc
limit least(:page_size, 1000);

-- name: search
-- Calls whose request or response contains :content (the operator @> of jsonb); of
-- all users if :user_id is null. Finds all matches before it takes the newest: give
-- :since for content that is in many rows; it also prunes partitions. Without it,
-- logged_at must not be compared, or PostgreSQL reads the primary key instead.
-- Served by api_logs_request_idx and api_logs_response_idx.
with found as materialized (
    select
        log_id,
        logged_at,
        user_id,
        endpoint,
        method,
        status,
        host(ip) as ip,
        request,
        response,
        error
    from oadb.api_logs
    where
        (request @> :content or response @> :content)
        and (user_id = :user_id or cast(:user_id as bigint) is null)
        and cast(:since as timestamptz) is null
    union all
    select
        log_id,
        logged_at,
        user_id,
        endpoint,
        method,
        status,
        host(ip) as ip,
        request,
        response,
        error
    from oadb.api_logs
    where
        (request @> :content or response @> :content)
        and (user_id = :user_id or cast(:user_id as bigint) is null)
        and logged_at >= :since
)

select
    log_id,
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    ip,
    request,
    response,
    error
from found
where
    (logged_at, log_id) < (
        coalesce(cast(:before_at as timestamptz), 'infinity'), coalesce(:before_id, 0)
    )
order by
    logged_at desc,
    log_id desc
limit least(:page_size, 1000);

-- name: stream
-- For an export: oldest first; :until is not included.
select
    log_id,
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at < coalesce(cast(:until as timestamptz), 'infinity')
order by
    logged_at,
    log_id;

-- name: count
-- From :since up to, but not including, :until; null means no bound.
select count(*) as calls
from oadb.api_logs
where
    logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at < coalesce(cast(:until as timestamptz), 'infinity');

-- name: count_by_user
-- Served by api_logs_user_id_idx.
select count(*) as calls
from oadb.api_logs
where
    user_id = :user_id
    and logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and logged_at < coalesce(cast(:until as timestamptz), 'infinity');
