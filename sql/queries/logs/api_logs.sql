-- API logs: requests to the API and what they were answered. Bound in oadb/logs/api_logs.py.
--
-- Lists are newest first, at most 1000, from :since on. The next page is what comes
-- before the last row of this one: its logged_at and log_id are :before_at and
-- :before_id. Without an id, :before_at ends a window. Null is no bound. That
-- logged_at is compared once more, by itself, is what lets PostgreSQL leave out
-- partitions.

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
-- At the time of this statement, not of the transaction's begin.
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
-- Calls whose request or response contains :content, as jsonb's @> means it; of one
-- user unless :user_id is null. All matches are found before the last are chosen:
-- what most rows hold asks for a :since. With one, partitions are left out; without,
-- there must be no bound, or PostgreSQL would walk the whole of it. Served by
-- api_logs_request_idx and api_logs_response_idx.
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
-- For an export: oldest first, up to :until.
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
-- Of :since up to, but not including, :until; null is no bound.
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
