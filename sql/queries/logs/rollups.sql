-- Rollups: log rows counted by minute, hour and day, for statistics. Bound in
-- oadb/logs/rollups.py.

-- name: _claim_refresh
-- False: another refresh is running. Holds until the end of the transaction.
with claim as materialized (
    select claims.subject
    from oadb.claims
    where claims.subject = 'rollups'
    for update skip locked
)

select exists(select 1 from claim) as claimed;

-- name: _allow_time
-- An hour may have so many rows that the usual limit is too short.
select pg_catalog.set_config('statement_timeout', '10min', true) as statement_timeout;

-- name: _plan_lightly
-- For statistics, until the end of the transaction. The server overestimates their cost:
-- it would compile them, start workers, and plan them anew each time. A cluster needs that: it has
-- no plan for any values.
select
    pg_catalog.set_config('jit', 'off', true)
    || pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)
    || pg_catalog.set_config(
        'plan_cache_mode',
        case
            when pg_catalog.to_regclass('pg_catalog.pg_dist_partition') is null
                then 'force_generic_plan'
            else 'force_custom_plan'
        end,
        true
    ) as planning;

-- name: _list_resolutions
-- Finest first.
select resolutions.resolution
from oadb.rollup_resolutions() as resolutions
order by resolutions.resolution;

-- name: _list_waiting
-- Batches that are not rolled up, those with the oldest rows first. Served by
-- log_batches_first_at_idx.
select batch_id
from oadb.log_batches
where
    table_name = :table_name
    and rolled_up_at is null
order by
    first_at,
    batch_id
limit :at_most;

-- name: _list_steps
-- The minutes of the batches; consecutive minutes are one step, which ends at the hour
-- in UTC at the latest. Served by log_batches_pkey.
with minutes as (
    select
        unnest(
            range_agg(
                tstzrange(
                    date_bin('1 minute', first_at, 'epoch'),
                    date_bin('1 minute', last_at, 'epoch') + interval '1 minute'
                )
            )
        ) as span
    from oadb.log_batches
    where batch_id = any(:batch_ids::uuid[])
)

select
    greatest(lower(minutes.span), hours.starts_at) as starts_at,
    least(upper(minutes.span), hours.starts_at + interval '1 hour') as ends_at
from
    minutes,
    generate_series(
        date_bin('1 hour', lower(minutes.span), 'epoch'),
        upper(minutes.span) - interval '1 microsecond',
        interval '1 hour'
    ) as hours (starts_at)
order by starts_at;

-- name: _count_traffic
-- Counts the rows of whole minutes. A count never decreases: rows are only deleted by
-- retention, and stay counted here. Served by traffic_pkey.
-- fan-out: a rollup counts the rows of all shards, each its own; maintenance runs it.
insert into oadb.traffic_rollups as known (
    resolution,
    started_at,
    endpoint,
    requests,
    status_1xx,
    status_2xx,
    status_3xx,
    status_4xx,
    status_5xx,
    duration_ms,
    bins,
    counts
)
with binned as (
    select
        date_bin('1 minute', traffic.logged_at, 'epoch') as started_at,
        coalesce(traffic.endpoint, '') as endpoint,
        oadb.duration_bin(traffic.duration_ms) as bin,
        count(*) as requests,
        count(*) filter (where traffic.status < 200) as status_1xx,
        count(*) filter (where traffic.status between 200 and 299) as status_2xx,
        count(*) filter (where traffic.status between 300 and 399) as status_3xx,
        count(*) filter (where traffic.status between 400 and 499) as status_4xx,
        count(*) filter (where traffic.status >= 500) as status_5xx,
        sum(traffic.duration_ms) as duration_ms
    from oadb.traffic
    where
        traffic.logged_at >= :starts_at
        and traffic.logged_at < :ends_at
    group by
        date_bin('1 minute', traffic.logged_at, 'epoch'),
        coalesce(traffic.endpoint, ''),
        oadb.duration_bin(traffic.duration_ms)
)

select
    interval '1 minute',
    binned.started_at,
    binned.endpoint,
    sum(binned.requests),
    sum(binned.status_1xx),
    sum(binned.status_2xx),
    sum(binned.status_3xx),
    sum(binned.status_4xx),
    sum(binned.status_5xx),
    sum(binned.duration_ms),
    array_agg(binned.bin order by binned.bin),
    array_agg(binned.requests order by binned.bin)
from binned
group by
    binned.started_at,
    binned.endpoint
on conflict (resolution, started_at, endpoint) do update
    set
        requests = excluded.requests,
        status_1xx = excluded.status_1xx,
        status_2xx = excluded.status_2xx,
        status_3xx = excluded.status_3xx,
        status_4xx = excluded.status_4xx,
        status_5xx = excluded.status_5xx,
        duration_ms = excluded.duration_ms,
        bins = excluded.bins,
        counts = excluded.counts
    where known.requests < excluded.requests; -- noqa: RF01

-- name: _merge_traffic
-- Adds the buckets of one resolution up to buckets of the next, for those that overlap
-- the time that was counted. Served by traffic_rollups_pkey.
insert into oadb.traffic_rollups as known (
    resolution,
    started_at,
    endpoint,
    requests,
    status_1xx,
    status_2xx,
    status_3xx,
    status_4xx,
    status_5xx,
    duration_ms,
    bins,
    counts
)
with parts as materialized (
    select
        date_bin(:coarser::interval, started_at, 'epoch') as started_at,
        endpoint,
        requests,
        status_1xx,
        status_2xx,
        status_3xx,
        status_4xx,
        status_5xx,
        duration_ms,
        bins,
        counts
    from oadb.traffic_rollups
    where
        resolution = :finer
        and started_at >= date_bin(:coarser, :starts_at, 'epoch')
        and started_at
        < date_bin(:coarser, :ends_at::timestamptz - interval '1 microsecond', 'epoch')
        + :coarser::interval
),

cells as (
    select
        started_at,
        endpoint,
        unnest(bins) as bin,
        unnest(counts) as requests
    from parts
),

binned as (
    select
        started_at,
        endpoint,
        bin,
        sum(requests)::bigint as requests
    from cells
    group by
        started_at,
        endpoint,
        bin
),

histograms as (
    select
        started_at,
        endpoint,
        array_agg(bin order by bin) as bins,
        array_agg(requests order by bin) as counts
    from binned
    group by
        started_at,
        endpoint
)

select
    :coarser,
    parts.started_at,
    parts.endpoint,
    sum(parts.requests),
    sum(parts.status_1xx),
    sum(parts.status_2xx),
    sum(parts.status_3xx),
    sum(parts.status_4xx),
    sum(parts.status_5xx),
    sum(parts.duration_ms),
    histograms.bins,
    histograms.counts
from parts
inner join histograms
    on
        parts.started_at = histograms.started_at
        and parts.endpoint = histograms.endpoint
group by
    parts.started_at,
    parts.endpoint,
    histograms.bins,
    histograms.counts
on conflict (resolution, started_at, endpoint) do update
    set
        requests = excluded.requests,
        status_1xx = excluded.status_1xx,
        status_2xx = excluded.status_2xx,
        status_3xx = excluded.status_3xx,
        status_4xx = excluded.status_4xx,
        status_5xx = excluded.status_5xx,
        duration_ms = excluded.duration_ms,
        bins = excluded.bins,
        counts = excluded.counts
    where known.requests < excluded.requests; -- noqa: RF01

-- name: _count_latency
-- As _count_traffic, for each measured part of a call. Served by latency_pkey.
-- fan-out: a rollup counts the rows of all shards, each its own; maintenance runs it.
insert into oadb.latency_rollups as known (
    resolution,
    started_at,
    broker,
    part,
    calls,
    failed,
    partial,
    under_100_ms,
    under_150_ms,
    under_200_ms,
    duration_ms,
    bins,
    counts
)
with binned as (
    select
        date_bin('1 minute', parts.logged_at, 'epoch') as started_at,
        coalesce(parts.broker, '') as broker,
        parts.part,
        oadb.duration_bin(parts.duration_ms) as bin,
        count(*) as calls,
        count(*) filter (where parts.outcome = 'failed') as failed,
        count(*) filter (where parts.outcome = 'partial') as partial,
        count(*) filter (where parts.duration_ms < 100) as under_100_ms,
        count(*) filter (where parts.duration_ms < 150) as under_150_ms,
        count(*) filter (where parts.duration_ms < 200) as under_200_ms,
        sum(parts.duration_ms) as duration_ms
    from oadb.latency_parts as parts
    where
        parts.logged_at >= :starts_at
        and parts.logged_at < :ends_at
    group by
        date_bin('1 minute', parts.logged_at, 'epoch'),
        coalesce(parts.broker, ''),
        parts.part,
        oadb.duration_bin(parts.duration_ms)
)

select
    interval '1 minute',
    binned.started_at,
    binned.broker,
    binned.part,
    sum(binned.calls),
    sum(binned.failed),
    sum(binned.partial),
    sum(binned.under_100_ms),
    sum(binned.under_150_ms),
    sum(binned.under_200_ms),
    sum(binned.duration_ms),
    array_agg(binned.bin order by binned.bin),
    array_agg(binned.calls order by binned.bin)
from binned
group by
    binned.started_at,
    binned.broker,
    binned.part
on conflict (resolution, started_at, broker, part) do update
    set
        calls = excluded.calls,
        failed = excluded.failed,
        partial = excluded.partial,
        under_100_ms = excluded.under_100_ms,
        under_150_ms = excluded.under_150_ms,
        under_200_ms = excluded.under_200_ms,
        duration_ms = excluded.duration_ms,
        bins = excluded.bins,
        counts = excluded.counts
    where known.calls < excluded.calls; -- noqa: RF01

-- name: _merge_latency
-- As _merge_traffic. Served by latency_rollups_pkey.
insert into oadb.latency_rollups as known (
    resolution,
    started_at,
    broker,
    part,
    calls,
    failed,
    partial,
    under_100_ms,
    under_150_ms,
    under_200_ms,
    duration_ms,
    bins,
    counts
)
with parts as materialized (
    select
        date_bin(:coarser::interval, started_at, 'epoch') as started_at,
        broker,
        part,
        calls,
        failed,
        partial,
        under_100_ms,
        under_150_ms,
        under_200_ms,
        duration_ms,
        bins,
        counts
    from oadb.latency_rollups
    where
        resolution = :finer
        and started_at >= date_bin(:coarser, :starts_at, 'epoch')
        and started_at
        < date_bin(:coarser, :ends_at::timestamptz - interval '1 microsecond', 'epoch')
        + :coarser::interval
),

cells as (
    select
        started_at,
        broker,
        part,
        unnest(bins) as bin,
        unnest(counts) as calls
    from parts
),

binned as (
    select
        started_at,
        broker,
        part,
        bin,
        sum(calls)::bigint as calls
    from cells
    group by
        started_at,
        broker,
        part,
        bin
),

histograms as (
    select
        started_at,
        broker,
        part,
        array_agg(bin order by bin) as bins,
        array_agg(calls order by bin) as counts
    from binned
    group by
        started_at,
        broker,
        part
)

select
    :coarser,
    parts.started_at,
    parts.broker,
    parts.part,
    sum(parts.calls),
    sum(parts.failed),
    sum(parts.partial),
    sum(parts.under_100_ms),
    sum(parts.under_150_ms),
    sum(parts.under_200_ms),
    sum(parts.duration_ms),
    histograms.bins,
    histograms.counts
from parts
inner join histograms
    on
        parts.started_at = histograms.started_at
        and parts.broker = histograms.broker
        and parts.part = histograms.part
group by
    parts.started_at,
    parts.broker,
    parts.part,
    histograms.bins,
    histograms.counts
on conflict (resolution, started_at, broker, part) do update
    set
        calls = excluded.calls,
        failed = excluded.failed,
        partial = excluded.partial,
        under_100_ms = excluded.under_100_ms,
        under_150_ms = excluded.under_150_ms,
        under_200_ms = excluded.under_200_ms,
        duration_ms = excluded.duration_ms,
        bins = excluded.bins,
        counts = excluded.counts
    where known.calls < excluded.calls; -- noqa: RF01

-- name: _mark
-- From now on, statistics read the minutes of these batches from rollups. Served by
-- log_batches_pkey.
update oadb.log_batches
set rolled_up_at = now()
where batch_id = any(:batch_ids::uuid[]);

-- name: list_backlog
-- Batches not rolled up yet, by table; no row for a table without any. Statistics count
-- their rows directly. Served by log_batches_first_at_idx.
-- grows: with the batches that are not rolled up yet, of which maintenance leaves few.
select
    table_name,
    count(*) as batches,
    min(first_at) as first_at
from oadb.log_batches
where
    rolled_up_at is null
    and table_name in ('latency', 'traffic')
group by table_name
order by table_name;

-- name: _delete_old_traffic
-- Buckets that ended at least :older_than ago, at most :batch of each resolution. Their places come
-- from the index, one resolution after the other: joined with the table, they would have all of it
-- read. Served by traffic_rollups_pkey.
delete from oadb.traffic_rollups
where ctid = any(
    array(
        select old.ctid
        from oadb.rollup_resolutions() as resolutions
        cross join
            lateral (
                select traffic_rollups.ctid
                from oadb.traffic_rollups
                where
                    traffic_rollups.resolution = resolutions.resolution
                    and traffic_rollups.started_at
                    <= now() - :older_than::interval - resolutions.resolution
                order by traffic_rollups.started_at
                limit :batch
            ) as old
    )
);

-- name: _delete_old_latency
-- As _delete_old_traffic. Served by latency_rollups_pkey.
delete from oadb.latency_rollups
where ctid = any(
    array(
        select old.ctid
        from oadb.rollup_resolutions() as resolutions
        cross join
            lateral (
                select latency_rollups.ctid
                from oadb.latency_rollups
                where
                    latency_rollups.resolution = resolutions.resolution
                    and latency_rollups.started_at
                    <= now() - :older_than::interval - resolutions.resolution
                order by latency_rollups.started_at
                limit :batch
            ) as old
    )
);
