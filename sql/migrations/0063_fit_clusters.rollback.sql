set local lock_timeout = '4s';

delete from oadb.claims
where
    subject in (
        'broker_tokens', 'one_time_tokens', 'pending_orders', 'sessions', 'setting_changes'
    );

create or replace function oadb.rollup_spans(
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
