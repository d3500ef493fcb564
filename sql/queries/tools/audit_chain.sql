-- The chain of security events. Bound in oadb/tools/audit_chain.py.

-- name: _lock_links
-- Until the end of the transaction no other session adds links. Readers do not wait, nor does who
-- writes events.
lock table oadb.security_event_links in share row exclusive mode;

-- name: _get_last_link
-- happened_at is null if the event has expired. Served by security_event_links_pkey and
-- security_events_pkey.
select
    links.day,
    links.position,
    links.checksum,
    events.happened_at
from oadb.security_event_links as links
left join oadb.security_events as events on links.event_id = events.event_id
order by
    links.day desc,
    links.position desc
limit 1;

-- name: _list_unlinked
-- scope: all users (the chain)
-- What of the events since :since is committed and not linked yet, in order of event_id. They are
-- compared with the links of their days and later ones. Null: of all events, before the first link.
-- Served by security_events_happened_at_idx and security_event_links_pkey.
-- grows: with the events since :since; at first with all of them.
with events as materialized (
    select
        security_events.event_id,
        security_events.happened_at,
        security_events.kind,
        security_events.user_id,
        security_events.acted_by,
        security_events.db_role,
        security_events.ip,
        security_events.detail
    from oadb.security_events
    where
        -- Not coalesce(), which row-level security keeps from indexes.
        security_events.happened_at >= greatest(cast(:since as timestamptz), '-infinity')
        -- Leaves nothing out: a range with two ends counts as narrow while :since is unknown, one
        -- with one end as a third of the table, which would be read whole.
        and security_events.happened_at <= 'infinity'
)

select
    events.event_id,
    events.happened_at,
    events.kind,
    events.user_id,
    events.acted_by,
    events.db_role,
    host(events.ip) as ip,
    events.detail::text as detail
from events
where
    not exists (
        select
        from oadb.security_event_links as links
        where
            links.event_id = events.event_id
            and links.day
            >= cast(greatest(cast(:since as timestamptz), '-infinity') at time zone 'UTC' as date)
            and links.day <= 'infinity'
    )
order by events.event_id
limit :batch;

-- name: _insert_links
insert into oadb.security_event_links (
    day,
    position,
    event_id,
    checksum
)
select
    linked.day,
    linked.position,
    linked.event_id,
    linked.checksum
from
    unnest(
        :days::date[],
        :positions::bigint[],
        :event_ids::bigint[],
        :checksums::bytea[]
    ) as linked (day, position, event_id, checksum);

-- name: stream_links
-- scope: all users (the chain)
-- In the order of the chain; of an event that is missing, everything is null but link_event_id.
-- Served by security_event_links_pkey and security_events_pkey.
-- grows: with the chain, all of which is verified.
select
    links.day,
    links.position,
    links.event_id as link_event_id,
    links.checksum,
    events.event_id,
    events.happened_at,
    events.kind,
    events.user_id,
    events.acted_by,
    events.db_role,
    host(events.ip) as ip,
    events.detail::text as detail
from oadb.security_event_links as links
left join oadb.security_events as events on links.event_id = events.event_id
where
    true
    and links.day >= :since                                           --? since
    and links.day < :until                                            --? until
    and (links.day, links.position) > (:after_day, :after_position)  --? after_day
order by
    links.day,
    links.position;

-- name: stream_unlinked
-- scope: all users (the chain)
-- Events without a link, oldest first.
-- grows: with the events, all of which are compared with their links.
select
    events.event_id,
    events.happened_at
from oadb.security_events as events
where
    not exists (
        select 1 from oadb.security_event_links as links
        where links.event_id = events.event_id
    )
order by
    events.happened_at,
    events.event_id;

-- name: _list_expired
-- scope: all users (retention)
-- Linked days that ended :older_than ago, and have events. Served by security_event_links_pkey and
-- security_events_pkey.
-- grows: with the days of the chain, one link of each of which is kept.
select distinct links.day
from oadb.security_event_links as links
inner join oadb.security_events as events on links.event_id = events.event_id
where links.day < (now() at time zone 'UTC' - cast(:older_than as interval))::date
order by links.day;

-- name: _forget_day
-- scope: all users (retention)
-- Deletes the events of the oldest linked day that has some, if it ended :older_than ago, with its
-- links but the last one. Returns the day and how many events it had; no row if there is none.
-- Served by security_event_links_pkey and security_events_pkey.
-- grows: with the events of one day, all of which are deleted.
with oldest as (
    select links.day
    from oadb.security_event_links as links
    inner join oadb.security_events as events on links.event_id = events.event_id
    where links.day < (now() at time zone 'UTC' - cast(:older_than as interval))::date
    order by
        links.day,
        links.position
    limit 1
),

forgotten as (
    delete from oadb.security_events
    using
        oadb.security_event_links as links,
        oldest
    where
        security_events.event_id = links.event_id
        and links.day = oldest.day
    returning security_events.event_id
),

last_link as (
    select max(links.position) as position
    from oadb.security_event_links as links
    inner join oldest on links.day = oldest.day
),

shortened as (
    delete from oadb.security_event_links as links
    using
        oldest,
        last_link
    where
        links.day = oldest.day
        and links.position < last_link.position
    returning links.position
)

select
    oldest.day,
    (select count(*) from forgotten) as events,
    (select count(*) from shortened) as links
from oldest;
