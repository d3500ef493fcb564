-- Suspicious requests, counted by network. Bound in oadb/bans/trackers.py.

-- name: _count_hit
-- Counts for 24 hours from the first hit, then starts again. While the network is banned
-- nothing is counted and no row returns: such hits come through processes that do not
-- know of the ban yet. is_due: the settings ban by hits, and these are enough; a threshold
-- of 0 never bans. Whether the network is in use, _claim asks. (noqa: sqlfluff does not see the row
-- that was written.) Served by ban_exemptions_network_idx and ip_bans_pkey.
insert into oadb.ip_trackers as known (
    kind,
    network,
    hits,
    first_at,
    last_at,
    samples
)
select
    :kind,
    found.network,
    1,
    now(),
    now(),
    array_remove(array[cast(:sample as text)], null)
from (select cast(cast(:network as text) as inet) as network) as found
where
    not exists (
        select 1 from oadb.active_ip_bans
        where active_ip_bans.network = found.network
    )
on conflict (kind, network) do update
    set
        hits = case
            when known.first_at > now() - interval '24 hours' then known.hits + 1
            else 1
        end,
        first_at = case
            when known.first_at > now() - interval '24 hours' then known.first_at
            else excluded.first_at
        end,
        last_at = greatest(known.last_at, excluded.last_at),
        samples = case
            when known.first_at <= now() - interval '24 hours' then excluded.samples
            when
                known.samples @> excluded.samples
                or cardinality(known.samples) >= 50
                then known.samples
            else known.samples || excluded.samples
        end
returning
    known.hits,
    (
        exists (
            select 1 from oadb.ban_rules
            where
                ban_rules.kind = known.kind -- noqa: RF01
                and ban_rules.threshold <= known.hits -- noqa: RF01
        )
        and not exists (
            select 1 from oadb.ban_exemptions
            where ban_exemptions.network && known.network -- noqa: RF01
        )
    ) as is_due;

-- name: _claim
-- Locks a tracker that is due, so that one process bans; none of a network in use: a page of
-- somebody else may have made a user's browser send the hits. Returns the duration of the ban, null
-- for a permanent one, and the offence from which on it is permanent.
-- scope: all users (a network that one of them uses is not banned)
-- Its network is compared as a parameter, because row-level security keeps functions of columns
-- from indexes. Served by ip_trackers_pkey, known_networks_network_idx and sessions_ip_idx.
select
    ip_trackers.hits,
    ban_rules.duration,
    ban_rules.repeat_offender_limit
from oadb.ip_trackers
inner join oadb.ban_rules
    on
        ip_trackers.kind = ban_rules.kind
        and ip_trackers.hits >= ban_rules.threshold
where
    ip_trackers.kind = :kind
    and ip_trackers.network = cast(cast(:network as text) as inet)
    and not exists (
        select 1 from oadb.networks_in_use
        where
            networks_in_use.network >= cast(cast(:network as text) as inet)
            and networks_in_use.network <= set_masklen(
                broadcast(cast(cast(:network as text) as inet)),
                case family(cast(cast(:network as text) as inet)) when 4 then 32 else 128 end
            )
    )
for update of ip_trackers;

-- name: _delete
-- Served by ip_trackers_pkey.
delete from oadb.ip_trackers
where
    kind = :kind
    and network = cast(cast(:network as text) as inet);

-- name: list_suspects
-- Networks with at least :least_hits hits in the 24 hours from the first one, the most hits
-- first. A network whose hits are counted while pages are read may move to another page.
-- grows: with the networks that had a hit in the last day; older ones are swept.
select
    suspects.kind,
    abbrev(suspects.network) as network,
    suspects.hits,
    suspects.first_at,
    suspects.last_at,
    suspects.samples
from oadb.ip_trackers as suspects
where
    suspects.kind = :kind
    and suspects.hits >= :least_hits
    and suspects.first_at > now() - interval '24 hours'
    and suspects.hits <= :last_hits                                                   --? cursor
    and (suspects.hits < :last_hits or suspects.network > :last_network::text::inet)  --? cursor
order by
    suspects.hits desc,
    suspects.network asc
limit :limit;

-- name: count_suspects
-- The number of networks that list_suspects lists.
-- grows: with the networks that had a hit in the last day; older ones are swept.
select count(*) as suspects
from oadb.ip_trackers
where
    kind = :kind
    and hits >= :least_hits
    and first_at > now() - interval '24 hours';

-- name: delete_expired
-- Deletes at most :batch trackers that are older than 24 hours, or not among the :most
-- recent ones: an attacker with many networks must not fill the disk. Served by
-- ip_trackers_first_at_idx.
delete from oadb.ip_trackers
where (kind, network) in (
    select
        old.kind,
        old.network
    from oadb.ip_trackers as old
    where
        old.first_at <= greatest(
            now() - interval '24 hours',
            (
                select newest.first_at
                from oadb.ip_trackers as newest
                order by newest.first_at desc
                limit 1 offset :most
            )
        )
    order by old.first_at
    limit :batch
    for update skip locked
);
