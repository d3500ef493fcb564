-- depends: 0020_create_strategies
-- Traffic and latency rolled up: what statistics read instead of millions of rows.
--
-- Lock: share on oadb.traffic, oadb.latency and oadb.log_batches, while indexes are built.

-- Bins are numbers from -302 to 302.
-- squawk-ignore-file require-concurrent-index-creation, prefer-bigint-over-smallint

set local lock_timeout = '4s';

-- Not strict, as in 0004. Boundaries that grow by a constant factor bound the relative error of
-- every quantile (Masson, Rim and Lee, DDSketch, PVLDB 12, 2019): see docs/decisions/0018.
create function oadb.duration_bin(milliseconds double precision) returns smallint
language sql immutable parallel safe
return (
    case
        when abs(milliseconds) > 0.001
            then
                sign(milliseconds)
                * ceil(ln(abs(milliseconds) / 0.001) / ln(1.1::double precision))
        else 0
    end
)::smallint;

comment on function oadb.duration_bin(double precision) is
'The bin of a duration. Bin n > 0 holds what is longer than 1.1 ^ (n - 1) microseconds and at most '
'1.1 ^ n; bin 0 what is at most one microsecond; bin -n the negatives of bin n.';

create function oadb.bin_duration(bin smallint) returns double precision
language sql immutable parallel safe
return sign(bin) * 0.001 * 2 * power(1.1::double precision, abs(bin)) / (1.1 + 1);

comment on function oadb.bin_duration(smallint) is
'The milliseconds that stand for a bin: at most 1 / 21 (4.8 %) off any duration in it.';

-- Each a multiple of the one before. A window of a month reads at most some 60 buckets.
create function oadb.rollup_resolutions() returns table (resolution interval)
language sql immutable parallel safe
begin atomic
    select resolutions.resolution
    from (
        values
        (interval '1 minute'),
        (interval '10 minutes'),
        (interval '1 hour'),
        (interval '6 hours'),
        (interval '24 hours'),
        (interval '168 hours')
    ) as resolutions (resolution);
end;

comment on function oadb.rollup_resolutions() is 'How long buckets are; they begin in step in UTC.';

create table oadb.traffic_rollups (
    resolution  interval         not null,
    started_at  timestamptz      not null,
    endpoint    text             not null,
    requests    bigint           not null,
    status_1xx  bigint           not null,
    status_2xx  bigint           not null,
    status_3xx  bigint           not null,
    status_4xx  bigint           not null,
    status_5xx  bigint           not null,
    duration_ms double precision not null,
    bins        smallint[]       not null,
    counts      bigint[]         not null,

    constraint traffic_rollups_pkey primary key (resolution, started_at, endpoint),
    constraint traffic_rollups_counts_check check (cardinality(bins) = cardinality(counts))
);

comment on table oadb.traffic_rollups is
'Requests by time and endpoint, with a histogram of how long they took. Outlive their rows.';
comment on column oadb.traffic_rollups.endpoint is 'Empty: no route took them.';
comment on column oadb.traffic_rollups.duration_ms is 'Of all of them together.';
comment on column oadb.traffic_rollups.bins is
'Bins that are not empty, in order, as oadb.duration_bin counts them; counts says how many each.';

create table oadb.latency_rollups (
    resolution   interval         not null,
    started_at   timestamptz      not null,
    broker       text             not null,
    part         text             not null,
    calls        bigint           not null,
    failed       bigint           not null,
    partial      bigint           not null,
    under_100_ms bigint           not null,
    under_150_ms bigint           not null,
    under_200_ms bigint           not null,
    duration_ms  double precision not null,
    bins         smallint[]       not null,
    counts       bigint[]         not null,

    constraint latency_rollups_pkey primary key (resolution, started_at, broker, part),
    constraint latency_rollups_part_check check (
        part in ('rtt', 'validation', 'response', 'overhead', 'total')
    ),
    constraint latency_rollups_counts_check check (cardinality(bins) = cardinality(counts))
);

comment on table oadb.latency_rollups is
'Calls to brokers by time, broker and part of the call, with a histogram. Outlive their rows.';
comment on column oadb.latency_rollups.broker is 'Empty: not said.';
comment on column oadb.latency_rollups.calls is 'Of which this part was measured.';
comment on column oadb.latency_rollups.under_100_ms is 'Calls of which this part took less.';

-- Days are written again and again: what is dead must not pile up until a fifth of all minutes is.
alter table oadb.traffic_rollups set (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000
);
alter table oadb.latency_rollups set (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000
);

-- Who looks for a client or for what failed does not read all the rest.
create index traffic_ip_idx on oadb.traffic (ip, logged_at, log_id);
create index traffic_status_idx on oadb.traffic (status, logged_at, log_id) where status >= 400;

create index log_batches_first_at_idx on oadb.log_batches (table_name, first_at)
include (last_at, batch_id)
where rolled_up_at is null;

-- Minutes with a batch that is not rolled up are read from rows; so is what a window holds of the
-- minutes in which it begins and ends. Of the rest, the longest buckets that fit. All in one
-- statement, so that what is rolled up meanwhile is counted once.
create function oadb.rollup_spans(
    rolled_table text, since timestamptz, until timestamptz
) returns table (resolution interval, starts_at timestamptz, ends_at timestamptz)
language sql stable parallel safe
begin atomic
    with dirty as materialized (
        select
            date_bin('1 minute', first_at, 'epoch') as starts_at,
            date_bin('1 minute', last_at, 'epoch') + interval '1 minute' as ends_at
        from oadb.log_batches
        where
            table_name = rolled_table
            and rolled_up_at is null
            and first_at < until
            and last_at >= since - interval '1 minute'
    ),

    dirty_spans as materialized (
        select unnest(range_agg(tstzrange(dirty.starts_at, dirty.ends_at))) as span
        from dirty
    ),

    dirty_buckets as (
        select
            resolutions.resolution,
            range_agg(
                tstzrange(
                    date_bin(resolutions.resolution, lower(dirty_spans.span), 'epoch'),
                    date_bin(
                        resolutions.resolution,
                        upper(dirty_spans.span) - interval '1 microsecond',
                        'epoch'
                    ) + resolutions.resolution
                )
            ) as spans
        from oadb.rollup_resolutions() as resolutions
        cross join dirty_spans
        group by resolutions.resolution
    ),

    edges as (
        select
            resolution,
            date_bin(
                resolution, since - interval '1 microsecond', 'epoch'
            ) + resolution as starts_at,
            date_bin(resolution, until, 'epoch') as ends_at
        from oadb.rollup_resolutions()
    ),

    whole as (
        select
            edges.resolution,
            tstzmultirange(tstzrange(edges.starts_at, greatest(edges.starts_at, edges.ends_at)))
            - coalesce(dirty_buckets.spans, tstzmultirange()) as spans
        from edges
        left join dirty_buckets on edges.resolution = dirty_buckets.resolution
    ),

    chosen as (
        select
            whole.resolution,
            unnest(
                whole.spans
                - coalesce(lead(whole.spans) over (order by whole.resolution), tstzmultirange())
            ) as span
        from whole
        union all
        select
            interval '0' as resolution,
            unnest(tstzmultirange(tstzrange(since, greatest(since, until))) - spans) as span
        from whole
        where resolution = interval '1 minute'
    )

    select
        chosen.resolution,
        lower(chosen.span),
        upper(chosen.span)
    from chosen;
end;

comment on function oadb.rollup_spans(text, timestamptz, timestamptz) is
'What a window is counted from: buckets by resolution, and rows (0) where there are none yet.';

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'traffic_rollups', 'select'),
('oadb_app', 'latency_rollups', 'select'),
('oadb_ro', 'traffic_rollups', 'select'),
('oadb_ro', 'latency_rollups', 'select');

call oadb.renew_privileges();
