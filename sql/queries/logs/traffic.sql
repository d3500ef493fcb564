-- Traffic: every HTTP request to the service. Bound in oadb/logs/traffic.py.

-- name: store
-- A batch of rows. Each parameter is a column: an array in its text form. Of a clock that shows
-- :clock when the transaction begins, the times are set right; of one that is ahead they stay.
insert into oadb.traffic (
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
)
select
    (
        batch.logged_at at time zone 'UTC'
        + greatest(now() - :clock::timestamptz, interval '0')
    ) at time zone 'UTC',
    batch.ip,
    batch.method,
    batch.path,
    batch.endpoint,
    batch.status,
    batch.duration_ms,
    batch.host,
    batch.user_id,
    batch.error
from unnest(
    :logged_at::text::timestamptz[],
    :ip::text::inet[],
    :method::text::text[],
    :path::text::text[],
    :endpoint::text::text[],
    :status::text::integer[],
    :duration_ms::text::double precision[],
    :host::text::text[],
    :user_id::text::bigint[],
    :error::text::text[]
) as batch (
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
);

-- name: copy_in
-- scope: all users (the log writer stores what all of them did)
-- A batch of rows, for roles that pass the wall of the table: COPY is refused to others.
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

-- name: _insert
-- Also records a batch of one row, so that statistics count it. Dated by the database.
with batch as (
    insert into oadb.log_batches (
        batch_id,
        table_name,
        rows,
        first_at,
        last_at
    )
    values (
        gen_random_uuid(),
        'traffic',
        1,
        now(),
        now()
    )
)

insert into oadb.traffic (
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
)
values (
    now(),
    :ip::text::inet,
    :method,
    :path,
    :endpoint,
    :status,
    :duration_ms,
    :host,
    :user_id,
    :error
);

-- name: get
-- The row with an id. Its time finds the partition. Served by traffic_pkey.
select
    log_id,
    logged_at,
    host(ip) as ip,
    method,
    path,
    endpoint,
    status,
    duration_ms,
    host,
    user_id,
    error
from oadb.traffic
where
    logged_at = :logged_at
    and log_id = :log_id;

-- name: _list_requests
-- Requests, newest first; api_logs.sql explains windows and pages. :error_status is a status of
-- 400 or above, :status another. Served by traffic_ip_idx with an address, by
-- traffic_status_idx with an :error_status, and by traffic_pkey otherwise: for a rare route or
-- another rare status, and for :text, in any case and anywhere in the row, all rows of the window
-- are read.
-- fan-out: it lists the requests of all users; each shard sends a page.
-- grows: with the window, for a filter without an index that few requests pass.
-- grows (as oadb_user): no index is by user, which every request would pay for; give :since.
-- not together: status, error_status
-- variants: at most 128
select
    log_id,
    logged_at,
    host(ip) as ip,
    method,
    path,
    endpoint,
    status,
    duration_ms,
    host,
    user_id,
    error
from oadb.traffic
where
    true
    and ip = :ip::text::inet                                   --? ip
    and endpoint = :endpoint                                   --? endpoint
    and status = :status                                       --? status
    and status >= 400                                          --? error_status
    and status = :error_status                                 --? error_status
    and (
        :text::text is null
        or strpos(lower(concat_ws(e'\n', path, endpoint, host, error)), lower(:text)) > 0
    )
    and logged_at >= :since                                    --? since
    and logged_at < :until                                     --? until
    and logged_at <= :last_logged_at                           --? cursor
    and (logged_at, log_id) < (:last_logged_at, :last_log_id)  --? cursor
order by
    logged_at desc,
    log_id desc
limit :limit;

-- name: stream
-- Requests of a window that pass the filters of list_requests, oldest first, for an export.
-- Served by traffic_pkey.
-- fan-out: it exports the requests of all users.
-- grows: with the window, all of which is exported.
-- grows (as oadb_user): no index is by user, which every request would pay for; give :since.
select
    log_id,
    logged_at,
    host(ip) as ip,
    method,
    path,
    endpoint,
    status,
    duration_ms,
    host,
    user_id,
    error
from oadb.traffic
where
    (:ip::text is null or ip = :ip::text::inet)
    and (:endpoint::text is null or endpoint = :endpoint)
    and (:status::integer is null or status = :status)
    and (
        :text::text is null
        or strpos(lower(concat_ws(e'\n', path, endpoint, host, error)), lower(:text)) > 0
    )
    and logged_at >= :since  --? since
    and logged_at < :until   --? until
order by
    logged_at,
    log_id;

-- name: count
-- The number of requests that pass the filters of list_requests. Those of an address are served by
-- traffic_ip_idx, others by traffic_pkey.
-- fan-out: it counts the requests of all users; each shard sends a number.
-- grows: with the window, all of which is counted.
-- grows (as oadb_user): no index is by user, which every request would pay for; give :since.
select count(*) as requests
from oadb.traffic
where
    true
    and ip = :ip::text::inet  --? ip
    and logged_at >= :since   --? since
    and logged_at < :until    --? until
    and (:endpoint::text is null or endpoint = :endpoint)
    and (:status::integer is null or status = :status)
    and (
        :text::text is null
        or strpos(lower(concat_ws(e'\n', path, endpoint, host, error)), lower(:text)) > 0
    );

-- name: list_clients
-- The addresses that sent requests to a host name, in any letter case, among the newest 200,000
-- requests of the window, whatever their hosts; those with most requests first. A client whose
-- number of requests changes between two pages may be missed or appear twice; :until in the past
-- prevents it. Served by traffic_pkey.
-- fan-out: it counts the requests of all users by client, on all shards at once.
-- grows: with the partitions of the window, in each of which it looks for the newest rows.
-- grows (as oadb_user): no index is by user, which every request would pay for; give :since.
with newest as (
    select
        traffic.ip,
        traffic.status,
        traffic.host,
        traffic.logged_at
    from oadb.traffic
    where
        true
        and traffic.logged_at >= :since  --? since
        and traffic.logged_at < :until   --? until
    order by
        traffic.logged_at desc,
        traffic.log_id desc
    limit 200000
),

clients as (
    select
        newest.ip,
        count(*) as requests,
        count(*) filter (where newest.status >= 400) as errors,
        max(newest.logged_at) as last_at
    from newest
    where lower(newest.host) = lower(:host)
    group by newest.ip
)

select
    host(clients.ip) as ip,
    clients.requests,
    clients.errors,
    clients.last_at
from clients
where
    true
    and clients.requests <= :last_requests                                        --? cursor
    and (clients.requests < :last_requests or clients.ip > :last_ip::text::inet)  --? cursor
order by
    clients.requests desc,
    clients.ip asc
limit :limit;

-- name: _summarize
-- All requests of a window in the first row, then those of each endpoint, by number
-- of requests. One statement, so one snapshot: oadb.rollup_spans says for which time
-- the buckets are complete; elsewhere the rows are counted. If the window has at most
-- :few requests, percentiles are computed from its rows. The lateral subqueries are
-- ordered so that each span is read from the index. The function reads batches by
-- the index of those that are not rolled up. Served by traffic_pkey and
-- traffic_rollups_pkey.
-- fan-out: rows that are not in rollups yet are counted, on all shards at once.
-- grows: with the buckets of the window, and the rows that are not rolled up yet.
with spans as materialized (
    select
        resolution,
        starts_at,
        ends_at
    from oadb.rollup_spans('traffic', :since, :until)
),

buckets as materialized (
    select
        bucket.endpoint,
        bucket.requests,
        bucket.status_1xx,
        bucket.status_2xx,
        bucket.status_3xx,
        bucket.status_4xx,
        bucket.status_5xx,
        bucket.duration_ms,
        bucket.bins,
        bucket.counts
    from
        spans,
        lateral (
            select
                traffic_rollups.endpoint,
                traffic_rollups.requests,
                traffic_rollups.status_1xx,
                traffic_rollups.status_2xx,
                traffic_rollups.status_3xx,
                traffic_rollups.status_4xx,
                traffic_rollups.status_5xx,
                traffic_rollups.duration_ms,
                traffic_rollups.bins,
                traffic_rollups.counts
            from oadb.traffic_rollups
            where
                traffic_rollups.resolution = spans.resolution
                and traffic_rollups.started_at >= spans.starts_at
                and traffic_rollups.started_at < spans.ends_at
            order by traffic_rollups.started_at
        ) as bucket
),

edges as materialized (
    select
        edge.endpoint,
        edge.bin,
        edge.status_class,
        count(*) as requests,
        sum(edge.duration_ms) as duration_ms
    from
        spans,
        lateral (
            select
                coalesce(traffic.endpoint, '') as endpoint,
                traffic.status / 100 as status_class,
                traffic.duration_ms,
                oadb.duration_bin(traffic.duration_ms) as bin
            from oadb.traffic
            where
                traffic.logged_at >= spans.starts_at
                and traffic.logged_at < spans.ends_at
            order by traffic.logged_at
        ) as edge
    where spans.resolution = interval '0'
    group by
        edge.endpoint,
        edge.bin,
        edge.status_class
),

counted as materialized (
    select
        parts.endpoint,
        sum(parts.requests)::bigint as requests,
        sum(parts.status_1xx)::bigint as status_1xx,
        sum(parts.status_2xx)::bigint as status_2xx,
        sum(parts.status_3xx)::bigint as status_3xx,
        sum(parts.status_4xx)::bigint as status_4xx,
        sum(parts.status_5xx)::bigint as status_5xx,
        sum(parts.duration_ms) as duration_ms
    from (
        select
            endpoint,
            requests,
            status_1xx,
            status_2xx,
            status_3xx,
            status_4xx,
            status_5xx,
            duration_ms
        from buckets
        union all
        select
            endpoint,
            requests,
            case status_class when 1 then requests else 0 end as status_1xx,
            case status_class when 2 then requests else 0 end as status_2xx,
            case status_class when 3 then requests else 0 end as status_3xx,
            case status_class when 4 then requests else 0 end as status_4xx,
            case status_class when 5 then requests else 0 end as status_5xx,
            duration_ms
        from edges
    ) as parts
    group by parts.endpoint
),

summed as (
    select
        endpoint,
        grouping(endpoint) as is_all,
        coalesce(sum(requests), 0)::bigint as requests,
        coalesce(sum(status_1xx), 0)::bigint as status_1xx,
        coalesce(sum(status_2xx), 0)::bigint as status_2xx,
        coalesce(sum(status_3xx), 0)::bigint as status_3xx,
        coalesce(sum(status_4xx), 0)::bigint as status_4xx,
        coalesce(sum(status_5xx), 0)::bigint as status_5xx,
        sum(duration_ms) as duration_ms
    from counted
    group by grouping sets ((endpoint), ())
),

cells as (
    select
        endpoint,
        unnest(bins) as bin,
        unnest(counts) as requests
    from buckets
    union all
    select
        endpoint,
        bin,
        requests
    from edges
),

binned as (
    select
        endpoint,
        bin,
        sum(requests)::bigint as requests
    from cells
    group by
        endpoint,
        bin
),

bins as (
    select
        endpoint,
        bin,
        grouping(endpoint) as is_all,
        sum(requests)::bigint as requests
    from binned
    group by grouping sets ((endpoint, bin), (bin))
),

ranked as (
    select
        endpoint,
        is_all,
        bin,
        requests,
        sum(requests) over (
            partition by
                is_all,
                endpoint
            order by bin
        ) as up_to,
        sum(requests) over (
            partition by
                is_all,
                endpoint
        ) as of_all
    from bins
),

estimated as (
    select
        endpoint,
        is_all,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.50 * of_all))) as p50_ms,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.90 * of_all))) as p90_ms,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.95 * of_all))) as p95_ms,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.99 * of_all))) as p99_ms,
        array_agg(bin::bigint order by bin) as bins,
        array_agg(requests order by bin) as counts
    from ranked
    group by
        endpoint,
        is_all
),

total as (
    select sum(requests) as requests
    from counted
),

few as materialized (
    select
        coalesce(traffic.endpoint, '') as endpoint,
        traffic.duration_ms
    from oadb.traffic
    where
        traffic.logged_at >= :since
        and traffic.logged_at < :until
        and (select total.requests from total) <= :few::bigint
),

exact as (
    select
        few.endpoint,
        grouping(few.endpoint) as is_all,
        count(*) as requests,
        percentile_disc(array[0.50, 0.90, 0.95, 0.99]) within group (
            order by few.duration_ms
        ) as percentiles
    from few
    group by grouping sets ((few.endpoint), ())
)

select
    nullif(summed.endpoint, '') as endpoint,
    summed.requests,
    summed.status_1xx,
    summed.status_2xx,
    summed.status_3xx,
    summed.status_4xx,
    summed.status_5xx,
    summed.duration_ms / nullif(summed.requests, 0) as average_ms,
    coalesce(exact.percentiles[1], estimated.p50_ms) as p50_ms,
    coalesce(exact.percentiles[2], estimated.p90_ms) as p90_ms,
    coalesce(exact.percentiles[3], estimated.p95_ms) as p95_ms,
    coalesce(exact.percentiles[4], estimated.p99_ms) as p99_ms,
    coalesce(estimated.bins, '{}') as bins,
    coalesce(estimated.counts, '{}') as counts
from summed
left join estimated
    on
        summed.is_all = estimated.is_all
        and coalesce(summed.endpoint, '') = coalesce(estimated.endpoint, '')
left join exact
    on
        summed.is_all = exact.is_all
        and coalesce(summed.endpoint, '') = coalesce(exact.endpoint, '')
        and summed.requests = exact.requests
order by
    summed.is_all desc,
    summed.requests desc,
    summed.endpoint asc;
