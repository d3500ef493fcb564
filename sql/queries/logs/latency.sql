-- Latency: the duration of calls to brokers, part by part. Bound in oadb/logs/latency.py.

-- name: store
-- A batch of rows. Each parameter is a column: an array in its text form. Of a clock that shows
-- :clock when the transaction begins, the times are set right; of one that is ahead they stay.
insert into oadb.latency (
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
)
select
    (
        batch.logged_at at time zone 'UTC'
        + greatest(now() - :clock::timestamptz, interval '0')
    ) at time zone 'UTC',
    batch.user_id,
    batch.order_id,
    batch.broker,
    batch.symbol,
    batch.order_type,
    batch.rtt_ms,
    batch.validation_ms,
    batch.response_ms,
    batch.overhead_ms,
    batch.total_ms,
    batch.outcome,
    batch.error
from unnest(
    :logged_at::text::timestamptz[],
    :user_id::text::bigint[],
    :order_id::text::text[],
    :broker::text::text[],
    :symbol::text::text[],
    :order_type::text::text[],
    :rtt_ms::text::double precision[],
    :validation_ms::text::double precision[],
    :response_ms::text::double precision[],
    :overhead_ms::text::double precision[],
    :total_ms::text::double precision[],
    :outcome::text::text[],
    :error::text::text[]
) as batch (
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
);

-- name: copy_in
-- scope: all users (the log writer stores what all of them did)
-- A batch of rows, for roles that pass the wall of the table: COPY is refused to others.
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
        'latency',
        1,
        now(),
        now()
    )
)

insert into oadb.latency (
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
)
values (
    now(),
    :user_id,
    :order_id,
    :broker,
    :symbol,
    :order_type,
    :rtt_ms,
    :validation_ms,
    :response_ms,
    :overhead_ms,
    :total_ms,
    :outcome,
    :error
);

-- name: get
-- The row with an id. Its time finds the partition. Served by latency_pkey.
select
    log_id,
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
from oadb.latency
where
    logged_at = :logged_at
    and log_id = :log_id;

-- name: list_timings
-- Calls, newest first; api_logs.sql explains windows and pages. Served by latency_pkey: for a rare
-- :broker or :outcome, and for :text, in any case and anywhere in the row, all rows of the window
-- are read.
-- fan-out: it lists the calls to brokers of all users; each shard sends a page.
-- grows: with the window, for a filter that few calls pass.
-- grows (as oadb_user): no index is by user, which every order would pay for; give :since.
select
    log_id,
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
from oadb.latency
where
    (:broker::text is null or broker = :broker)
    and (:outcome::text is null or outcome = :outcome)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', order_id, broker, symbol, order_type, error)),
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

-- name: stream
-- Calls of a window that pass the filters of list_timings, oldest first, for an export.
-- Served by latency_pkey.
-- fan-out: it exports the calls to brokers of all users.
-- grows: with the window, all of which is exported.
-- grows (as oadb_user): no index is by user, which every order would pay for; give :since.
select
    log_id,
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
from oadb.latency
where
    (:broker::text is null or broker = :broker)
    and (:outcome::text is null or outcome = :outcome)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', order_id, broker, symbol, order_type, error)),
            lower(:text)
        ) > 0
    )
    and logged_at >= :since  --? since
    and logged_at < :until   --? until
order by
    logged_at,
    log_id;

-- name: count
-- The number of calls that pass the filters of list_timings. Reads the window, without one all.
-- Served by latency_pkey.
-- fan-out: it counts the calls to brokers of all users; each shard sends a number.
-- grows: with the window, all of which is counted.
select count(*) as calls
from oadb.latency
where
    true
    and logged_at >= :since  --? since
    and logged_at < :until   --? until
    and (:broker::text is null or broker = :broker)
    and (:outcome::text is null or outcome = :outcome)
    and (
        :text::text is null
        or strpos(
            lower(concat_ws(e'\n', order_id, broker, symbol, order_type, error)),
            lower(:text)
        ) > 0
    );

-- name: _summarize
-- Five rows, one for each part of a call, for all brokers together; then five for each
-- broker, by number of calls. Otherwise as traffic._summarize. Served by latency_pkey
-- and latency_rollups_pkey.
-- fan-out: rows that are not in rollups yet are counted, on all shards at once.
-- grows: with the buckets of the window, and the rows that are not rolled up yet.
with spans as materialized (
    select
        resolution,
        starts_at,
        ends_at
    from oadb.rollup_spans('latency', :since, :until)
),

buckets as materialized (
    select
        bucket.broker,
        bucket.part,
        bucket.calls,
        bucket.failed,
        bucket.partial,
        bucket.under_100_ms,
        bucket.under_150_ms,
        bucket.under_200_ms,
        bucket.duration_ms,
        bucket.bins,
        bucket.counts
    from
        spans,
        lateral (
            select
                latency_rollups.broker,
                latency_rollups.part,
                latency_rollups.calls,
                latency_rollups.failed,
                latency_rollups.partial,
                latency_rollups.under_100_ms,
                latency_rollups.under_150_ms,
                latency_rollups.under_200_ms,
                latency_rollups.duration_ms,
                latency_rollups.bins,
                latency_rollups.counts
            from oadb.latency_rollups
            where
                latency_rollups.resolution = spans.resolution
                and latency_rollups.started_at >= spans.starts_at
                and latency_rollups.started_at < spans.ends_at
            order by latency_rollups.started_at
        ) as bucket
),

edges as materialized (
    select
        edge.broker,
        parts.part,
        edge.outcome,
        oadb.duration_bin(parts.duration_ms) as bin,
        count(*) as calls,
        count(*) filter (where parts.duration_ms < 100) as under_100_ms,
        count(*) filter (where parts.duration_ms < 150) as under_150_ms,
        count(*) filter (where parts.duration_ms < 200) as under_200_ms,
        sum(parts.duration_ms) as duration_ms
    from
        spans,
        lateral (
            select
                coalesce(latency.broker, '') as broker,
                latency.outcome,
                latency.rtt_ms,
                latency.validation_ms,
                latency.response_ms,
                latency.overhead_ms,
                latency.total_ms
            from oadb.latency
            where
                latency.logged_at >= spans.starts_at
                and latency.logged_at < spans.ends_at
            order by latency.logged_at
        ) as edge,
        lateral (
            values
            ('rtt', edge.rtt_ms),
            ('validation', edge.validation_ms),
            ('response', edge.response_ms),
            ('overhead', edge.overhead_ms),
            ('total', edge.total_ms)
        ) as parts (part, duration_ms)
    where
        spans.resolution = interval '0'
        and parts.duration_ms is not null
    group by
        edge.broker,
        parts.part,
        edge.outcome,
        bin
),

counted as materialized (
    select
        pieces.broker,
        pieces.part,
        sum(pieces.calls)::bigint as calls,
        sum(pieces.failed)::bigint as failed,
        sum(pieces.partial)::bigint as partial,
        sum(pieces.under_100_ms)::bigint as under_100_ms,
        sum(pieces.under_150_ms)::bigint as under_150_ms,
        sum(pieces.under_200_ms)::bigint as under_200_ms,
        sum(pieces.duration_ms) as duration_ms
    from (
        select
            broker,
            part,
            calls,
            failed,
            partial,
            under_100_ms,
            under_150_ms,
            under_200_ms,
            duration_ms
        from buckets
        union all
        select
            broker,
            part,
            calls,
            case outcome when 'failed' then calls else 0 end as failed,
            case outcome when 'partial' then calls else 0 end as partial,
            under_100_ms,
            under_150_ms,
            under_200_ms,
            duration_ms
        from edges
    ) as pieces
    group by
        pieces.broker,
        pieces.part
),

summed as (
    select
        broker,
        part,
        grouping(broker) as is_all,
        sum(calls)::bigint as calls,
        sum(failed)::bigint as failed,
        sum(partial)::bigint as partial,
        sum(under_100_ms)::bigint as under_100_ms,
        sum(under_150_ms)::bigint as under_150_ms,
        sum(under_200_ms)::bigint as under_200_ms,
        sum(duration_ms) as duration_ms
    from counted
    group by grouping sets ((broker, part), (part))
),

cells as (
    select
        broker,
        part,
        unnest(bins) as bin,
        unnest(counts) as calls
    from buckets
    union all
    select
        broker,
        part,
        bin,
        calls
    from edges
),

binned as (
    select
        broker,
        part,
        bin,
        sum(calls)::bigint as calls
    from cells
    group by
        broker,
        part,
        bin
),

bins as (
    select
        broker,
        part,
        bin,
        grouping(broker) as is_all,
        sum(calls)::bigint as calls
    from binned
    group by grouping sets ((broker, part, bin), (part, bin))
),

ranked as (
    select
        broker,
        part,
        is_all,
        bin,
        calls,
        sum(calls) over (
            partition by
                is_all,
                broker,
                part
            order by bin
        ) as up_to,
        sum(calls) over (
            partition by
                is_all,
                broker,
                part
        ) as of_all
    from bins
),

estimated as (
    select
        broker,
        part,
        is_all,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.50 * of_all))) as p50_ms,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.90 * of_all))) as p90_ms,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.95 * of_all))) as p95_ms,
        oadb.bin_duration(min(bin) filter (where up_to >= ceil(0.99 * of_all))) as p99_ms,
        array_agg(bin::bigint order by bin) as bins,
        array_agg(calls order by bin) as counts
    from ranked
    group by
        broker,
        part,
        is_all
),

total as (
    select sum(calls) as calls
    from counted
    where part = 'total'
),

few as materialized (
    select
        coalesce(latency_parts.broker, '') as broker,
        latency_parts.part,
        latency_parts.duration_ms
    from oadb.latency_parts
    where
        latency_parts.logged_at >= :since
        and latency_parts.logged_at < :until
        and (select total.calls from total) <= :few::bigint
),

exact as (
    select
        few.broker,
        few.part,
        grouping(few.broker) as is_all,
        count(*) as calls,
        percentile_disc(array[0.50, 0.90, 0.95, 0.99]) within group (
            order by few.duration_ms
        ) as percentiles
    from few
    group by grouping sets ((few.broker, few.part), (few.part))
),

-- All five parts have a row, measured or not.
wanted as (
    select
        summed.broker,
        summed.is_all,
        summed.calls
    from summed
    where
        summed.part = 'total'
        and summed.is_all = 0
    union all
    select
        null as broker,
        1 as is_all,
        0 as calls
)

select
    nullif(wanted.broker, '') as broker,
    parts.part,
    coalesce(summed.calls, 0) as calls,
    coalesce(summed.failed, 0) as failed,
    coalesce(summed.partial, 0) as partial,
    coalesce(summed.under_100_ms, 0) as under_100_ms,
    coalesce(summed.under_150_ms, 0) as under_150_ms,
    coalesce(summed.under_200_ms, 0) as under_200_ms,
    summed.duration_ms / summed.calls as average_ms,
    coalesce(exact.percentiles[1], estimated.p50_ms) as p50_ms,
    coalesce(exact.percentiles[2], estimated.p90_ms) as p90_ms,
    coalesce(exact.percentiles[3], estimated.p95_ms) as p95_ms,
    coalesce(exact.percentiles[4], estimated.p99_ms) as p99_ms,
    coalesce(estimated.bins, '{}') as bins,
    coalesce(estimated.counts, '{}') as counts
from wanted
cross join (
    values
    (1, 'rtt'),
    (2, 'validation'),
    (3, 'response'),
    (4, 'overhead'),
    (5, 'total')
) as parts (place, part)
left join summed
    on
        parts.part = summed.part
        and wanted.is_all = summed.is_all
        and coalesce(wanted.broker, '') = coalesce(summed.broker, '')
left join estimated
    on
        summed.part = estimated.part
        and summed.is_all = estimated.is_all
        and coalesce(summed.broker, '') = coalesce(estimated.broker, '')
left join exact
    on
        summed.part = exact.part
        and summed.is_all = exact.is_all
        and coalesce(summed.broker, '') = coalesce(exact.broker, '')
        and summed.calls = exact.calls
order by
    wanted.is_all desc,
    wanted.calls desc,
    wanted.broker asc,
    parts.place asc;

-- name: list_brokers
-- Of all calls in rollups, and of those that are not rolled up yet. Served by latency_pkey,
-- latency_rollups_pkey and log_batches_first_at_idx.
-- fan-out: rows that are not in rollups yet are counted, on all shards at once.
-- grows: with the buckets of rollups; for an administrator's page.
with waiting as (
    select
        min(first_at) as since,
        max(last_at) + interval '1 microsecond' as until
    from oadb.log_batches
    where
        table_name = 'latency'
        and rolled_up_at is null
    having count(*) > 0
),

-- Materialized: a worker of a cluster has neither the function nor the rows that it reads.
unsummed as materialized (
    select
        spans.starts_at,
        spans.ends_at
    from
        waiting,
        oadb.rollup_spans('latency', waiting.since, waiting.until) as spans
    where spans.resolution = interval '0'
)

select latency_rollups.broker
from oadb.latency_rollups
where
    latency_rollups.resolution = interval '168 hours'
    and latency_rollups.broker <> ''
union distinct
select edge.broker
from
    unsummed,
    lateral (
        select latency.broker
        from oadb.latency
        where
            latency.logged_at >= unsummed.starts_at
            and latency.logged_at < unsummed.ends_at
        order by latency.logged_at
    ) as edge
where edge.broker <> ''
order by broker;
