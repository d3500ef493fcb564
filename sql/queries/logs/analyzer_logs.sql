-- Analyzer logs: orders that were analyzed instead of sent to a broker. Bound in
-- oadb/logs/analyzer_logs.py. api_logs.sql explains windows and pages.

-- name: store
-- A batch of rows. Each parameter is a column: an array in its text form. Of a clock that shows
-- :clock when the transaction begins, the times are set right; of one that is ahead they stay.
insert into oadb.analyzer_logs (
    logged_at,
    user_id,
    api_type,
    request,
    response
)
select
    (
        batch.logged_at at time zone 'UTC'
        + greatest(now() - :clock::timestamptz, interval '0')
    ) at time zone 'UTC',
    coalesce(batch.user_id, -1 - (random() * 63)::bigint),
    batch.api_type,
    batch.request,
    batch.response
from unnest(
    :logged_at::text::timestamptz[],
    :user_id::text::bigint[],
    :api_type::text::text[],
    :request::text::jsonb[],
    :response::text::jsonb[]
) as batch (
    logged_at,
    user_id,
    api_type,
    request,
    response
);

-- name: copy_in
-- scope: all users (the log writer stores what all of them did)
-- A batch of rows, for roles that pass the wall of the table: COPY is refused to others.
copy oadb.analyzer_logs (
    logged_at,
    user_id,
    api_type,
    request,
    response
) from stdin;

-- name: _insert
-- Timed by this statement, not by the start of the transaction.
insert into oadb.analyzer_logs (
    logged_at,
    user_id,
    api_type,
    request,
    response
)
values (
    statement_timestamp(),
    coalesce(:user_id, -1 - (random() * 63)::bigint),
    :api_type,
    :request,
    :response
);

-- name: get
-- The row with an id. Its time finds the partition. Served by analyzer_logs_logged_at_idx.
-- scope: all users (administration reads what everybody sent)
-- fan-out: a support desk looks up one row; each shard has an index.
select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    api_type,
    request,
    response
from oadb.analyzer_logs
where
    logged_at = :logged_at
    and log_id = :log_id;

-- name: list_analyses
-- Analyses, newest first; of a calendar day in a time zone if :day is given. Computes the bounds
-- of the day instead of the day of each row, so that an index serves it and partitions are
-- pruned. Days of 23 or 25 hours are counted right. Those of a user are served by
-- analyzer_logs_pkey, others by analyzer_logs_logged_at_idx. For an :api_type, and for :text, in
-- any case and anywhere in the row, all of the window are read: give :day or :since.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it lists the analyses of all users; each shard sends a page.
-- grows: with the window, for an :api_type or a :text that is rare.
-- grows (as oadb_user): with the partitions, in each of which an index finds the rows.
select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    api_type,
    request,
    response
from oadb.analyzer_logs
where
    true
    and user_id = :user_id                                                         --? user_id
    and (:api_type::text is null or api_type = :api_type)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', api_type, request::text, response::text)),
            lower(:text)
        ) > 0
    )
    and logged_at >= (cast(:day as date)::timestamp at time zone :time_zone)       --? day
    and logged_at < ((cast(:day as date) + 1)::timestamp at time zone :time_zone)  --? day
    and logged_at >= :since                                                        --? since
    and logged_at < :until                                                         --? until
    and logged_at <= :last_logged_at                                               --? cursor
    and (logged_at, log_id) < (:last_logged_at, :last_log_id)                      --? cursor
order by
    logged_at desc,
    log_id desc
limit :limit;

-- name: stream
-- Analyses of a window that pass the filters of list_analyses, oldest first, for an export. Served
-- by analyzer_logs_logged_at_idx, those of a user by analyzer_logs_pkey.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it exports the analyses of all users.
-- grows: with the window, all of which is exported.
-- grows (as oadb_user): with the partitions, in each of which an index finds the rows.
select
    log_id,
    logged_at,
    case when user_id > 0 then user_id end as user_id,
    api_type,
    request,
    response
from oadb.analyzer_logs
where
    true
    and user_id = :user_id  --? user_id
    and (:api_type::text is null or api_type = :api_type)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', api_type, request::text, response::text)),
            lower(:text)
        ) > 0
    )
    and logged_at >= :since  --? since
    and logged_at < :until   --? until
order by
    logged_at,
    log_id;

-- name: count_by_facet
-- The number of analyses in a window, in one pass: the total, then by api_type, kind of
-- error, strategy and symbol, the most frequent first, at most 100 of each. An error is a
-- response with the status "error"; its message gives the kind. Those of a user are served by
-- analyzer_logs_pkey, all by analyzer_logs_logged_at_idx.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it counts the analyses of all users.
-- grows: with the window, all of which is counted.
with analyses as (
    select
        api_type,
        coalesce(nullif(request ->> 'strategy', ''), 'unknown') as strategy,
        request ->> 'symbol' as symbol,
        case
            when coalesce(response ->> 'status', '') <> 'error' then null
            when response ->> 'message' ilike '%rate limit%' then 'rate_limit'
            when response ->> 'message' ilike '%symbol%' then 'symbol'
            when response ->> 'message' ilike '%quantity%' then 'quantity'
            when response ->> 'message' ilike '%exchange%' then 'exchange'
            else 'other'
        end as error
    from oadb.analyzer_logs
    where
        logged_at >= :since
        and logged_at < :until  --? until
        and user_id = :user_id  --? user_id
),

counted as (
    select
        case
            when grouping(api_type) = 0 then 'api_type'
            when grouping(error) = 0 then 'error'
            when grouping(strategy) = 0 then 'strategy'
            when grouping(symbol) = 0 then 'symbol'
            else 'total'
        end as facet,
        coalesce(api_type, error, strategy, symbol, '') as value,
        count(*) as analyses,
        grouping(api_type, error, strategy, symbol) as grouped
    from analyses
    group by grouping sets ((), (api_type), (error), (strategy), (symbol))
),

ranked as (
    select
        facet,
        value,
        analyses,
        grouped,
        row_number() over (partition by facet order by analyses desc, value asc) as place
    from counted
    where
        value <> ''
        or facet = 'total'
)

select
    facet,
    value,
    analyses
from ranked
where place <= 100
order by
    facet = 'total' desc,
    grouped asc,
    place asc;

-- name: count
-- The number of analyses that pass the filters of list_analyses. Those of a user are served by
-- analyzer_logs_pkey, others by analyzer_logs_logged_at_idx.
-- scope: all users (administration reads what everybody sent)
-- fan-out: without :user_id it counts the analyses of all users; each shard sends a number.
-- grows: with the window, all of which is counted.
select count(*) as analyses
from oadb.analyzer_logs
where
    logged_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and user_id = :user_id  --? user_id
    and (:api_type::text is null or api_type = :api_type)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', api_type, request::text, response::text)),
            lower(:text)
        ) > 0
    )
    and logged_at < coalesce(cast(:until as timestamptz), 'infinity');
