-- Traffic by the beginnings of paths. Bound in oadb/logs/path_traffic.py.

-- name: summarize
-- One row for each of :prefixes, in their order, also if no path begins with it; a request counts
-- for each of its prefixes. The requests of the window are read once. Rollups are by endpoint, so
-- they do not serve it. Served by traffic_pkey.
-- fan-out: it counts the requests of all users, on all shards at once.
-- grows: with the requests of the window, all of which are counted.
-- grows (as oadb_user): with the requests of the window, of which those of one user count.
with wanted as materialized (
    select
        asked.prefix,
        min(asked.place) as place
    from unnest(:prefixes::text[]) with ordinality as asked (prefix, place)
    group by asked.prefix
),

counted as materialized (
    select
        wanted.prefix,
        count(*) as requests,
        count(*) filter (where traffic.status >= 400) as errors,
        avg(traffic.duration_ms) as average_ms
    from oadb.traffic
    inner join wanted on starts_with(traffic.path, wanted.prefix)
    where
        traffic.logged_at >= :since
        and traffic.logged_at < :until
    group by wanted.prefix
)

select
    wanted.prefix,
    coalesce(counted.requests, 0) as requests,
    coalesce(counted.errors, 0) as errors,
    counted.average_ms
from wanted
left join counted on wanted.prefix = counted.prefix
order by wanted.place;
