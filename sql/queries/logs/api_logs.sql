-- API logs: requests to the API and the responses to them. Bound in oadb/logs/api_logs.py.
--
-- Lists have the newest rows first, from :since up to, but not including, :until. A page
-- continues behind :last_logged_at and :last_log_id. logged_at is also compared by itself, so
-- that PostgreSQL prunes partitions. A cluster divides calls by user_id: those of nobody have one
-- of 64 numbers below 0, at random, and null where they are read.

-- name: store
-- A batch of rows. Each parameter is a column: an array in its text form. Of a clock that shows
-- :clock when the transaction begins, the times are set right; of one that is ahead they stay.
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
select
    (
        batch.logged_at at time zone 'UTC'
        + greatest(now() - :clock::timestamptz, interval '0')
    ) at time zone 'UTC',
    coalesce(batch.user_id, -1 - (random() * 63)::bigint),
    batch.endpoint,
    batch.method,
    batch.status,
    batch.ip,
    batch.request,
    batch.response,
    batch.error
from unnest(
    :logged_at::text::timestamptz[],
    :user_id::text::bigint[],
    :endpoint::text::text[],
    :method::text::text[],
    :status::text::integer[],
    :ip::text::inet[],
    :request::text::jsonb[],
    :response::text::jsonb[],
    :error::text::text[]
) as batch (
    logged_at,
    user_id,
    endpoint,
    method,
    status,
    ip,
    request,
    response,
    error
);

-- name: copy_in
-- scope: all users (the log writer stores what all of them did)
-- A batch of rows, for roles that pass the wall of the table: COPY is refused to others.
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
    coalesce(:user_id, -1 - (random() * 63)::bigint),
    :endpoint,
    :method,
    :status,
    cast(cast(:ip as text) as inet),
    :request,
    :response,
    :error
);

-- name: get
-- The row with an id. Its time finds the partition. Served by api_logs_logged_at_idx.
-- scope: all users (administration reads what everybody sent)
-- fan-out: a support desk looks up one row; each shard has an index.
select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    logged_at = :logged_at
    and log_id = :log_id;

-- name: list_calls
-- Calls, newest first. Served by api_logs_pkey, api_logs_endpoint_idx or
-- api_logs_status_idx with one of these filters, and by api_logs_logged_at_idx without any. Of
-- several filters one index serves, and the rows it finds are compared with the others; for :text,
-- in any case and anywhere in the row, all of the window are: give :since.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it lists the calls of all users; each shard sends a page.
-- grows: with the window, for several filters or a :text of which few calls are.
-- grows (as oadb_user): with the partitions, in each of which an index finds the rows.
select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    true
    and user_id = :user_id                                     --? user_id
    and endpoint = :endpoint                                   --? endpoint
    and status = :status                                       --? status
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', endpoint, error, request::text, response::text)),
            lower(:text)
        ) > 0
    )
    and logged_at >= :since                                    --? since
    and logged_at < :until                                     --? until
    and logged_at <= :last_logged_at                           --? cursor
    and (logged_at, log_id) < (:last_logged_at, :last_log_id)  --? cursor
order by
    logged_at desc,
    log_id desc
limit :limit;

-- name: search
-- Calls whose request or response contains :content (the operator @> of jsonb), newest first. Looks
-- at the newest rows of the window, 300 for each row that is wanted: content that is in more than
-- one row of 300 fills the page there. Otherwise finds all matches before it takes the newest; the
-- window prunes partitions. There, logged_at must not be compared before all are found unless both
-- ends are given, or PostgreSQL reads in order of time instead. Served by api_logs_logged_at_idx,
-- or by api_logs_pkey with a :user_id, then by api_logs_request_idx and api_logs_response_idx.
-- These two do not serve the owner of the tables: row-level security binds it by a condition, and
-- the planner does not know that @> leaks nothing. Then it reads the window.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it searches the calls of all users, on all shards at once.
-- grows: with the matches, of which the newest are taken, and for the owner with the window.
-- grows (as oadb_user): with the partitions and the calls of one user.
with newest as (
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
    from oadb.api_logs
    where
        true
        and user_id = :user_id                                     --? user_id
        and logged_at >= :since                                    --? since
        and logged_at < :until                                     --? until
        and logged_at <= :last_logged_at                           --? cursor
        and (logged_at, log_id) < (:last_logged_at, :last_log_id)  --? cursor
    order by
        logged_at desc,
        log_id desc
    limit 300 * :limit::bigint
),

recent as materialized (
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
    from newest
    where request @> :content or response @> :content
    order by
        logged_at desc,
        log_id desc
    limit :limit
),

enough as materialized (
    select count(*) >= :limit as is_full
    from recent
),

found as materialized (
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
        and not (select enough.is_full from enough)
        and user_id = :user_id   --? user_id
        and logged_at >= :since  --? since
        and logged_at < :until   --? since and until
)

select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    endpoint,
    method,
    status,
    ip,
    request,
    response,
    error
from (
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
    from recent
    where (select enough.is_full from enough)
    union all
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
        true
        and logged_at < :until                                     --? until
        and (logged_at, log_id) < (:last_logged_at, :last_log_id)  --? cursor
) as matches
order by
    logged_at desc,
    log_id desc
limit :limit;

-- name: stream
-- Calls of a window that pass the filters of list_calls, oldest first, for an export.
-- Served by api_logs_logged_at_idx, those of a user by api_logs_pkey.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it exports the calls of all users.
-- grows: with the window, all of which is exported.
-- grows (as oadb_user): with the partitions and the calls of one user.
select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    endpoint,
    method,
    status,
    host(ip) as ip,
    request,
    response,
    error
from oadb.api_logs
where
    true
    and user_id = :user_id  --? user_id
    and (:endpoint::text is null or endpoint = :endpoint)
    and (:status::integer is null or status = :status)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', endpoint, error, request::text, response::text)),
            lower(:text)
        ) > 0
    )
    and logged_at >= :since  --? since
    and logged_at < :until   --? until
order by
    logged_at,
    log_id;

-- name: count
-- The number of calls that pass the filters of list_calls. Those of a user are served by
-- api_logs_pkey. Also served by api_logs_logged_at_idx.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it counts the calls of all users; each shard sends a number.
-- grows: with the window, all of which is counted.
select count(*) as calls
from oadb.api_logs
where
    logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and user_id = :user_id  --? user_id
    and (:endpoint::text is null or endpoint = :endpoint)
    and (:status::integer is null or status = :status)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', endpoint, error, request::text, response::text)),
            lower(:text)
        ) > 0
    )
    and logged_at < coalesce(cast(:until as timestamptz), 'infinity');
