-- Bans of all clients that asked for a host. Bound in oadb/bans/host_bans.py.

-- name: _ban_clients
-- scope: all users (:by is any of them; a network that one of them uses is spared)
-- Bans each network with a request since :since whose host contains :host, in any case; as
-- ip_bans._put does, but leaves a ban that lasts at least as long as it is, so that it can be
-- repeated, and spares exempt networks and those in use: the host may be one that users ask for as
-- well. In order of networks, so that two do not deadlock. Bans nothing if there is no user :by.
-- Reads all requests of the window, and prunes the partitions before it. Served by
-- ban_exemptions_network_idx, known_networks_network_idx, sessions_ip_idx, traffic_pkey and
-- users_pkey.
-- fan-out: an administrator bans the clients of a host, and any request may be one of theirs.
-- grows: with the requests of the window; an administrator runs it.
with clients as materialized (
    select
        found.network,
        (
            exists (
                select 1 from oadb.ban_exemptions
                where ban_exemptions.network && found.network
            )
            or exists (
                select 1 from oadb.networks_in_use
                where
                    networks_in_use.network >= found.network
                    and networks_in_use.network <= set_masklen(
                        broadcast(found.network),
                        case family(found.network) when 4 then 32 else 128 end
                    )
            )
        ) as is_spared
    from (
        select
            set_masklen(traffic.ip, case family(traffic.ip) when 4 then 32 else 64 end)::cidr::inet
                as network
        from oadb.traffic
        where
            strpos(lower(traffic.host), lower(:host)) > 0
            and traffic.logged_at >= :since  --? since
        group by network
    ) as found
),

asked as materialized (
    select
        cast(:reason as text) as reason,
        now() + cast(:duration as interval) as expires_at,
        nullif(
            (
                select security_settings.repeat_offender_limit
                from oadb.security_settings
                where security_settings.singleton_id = 1
            ),
            0
        ) as last_offence
),

banned as (
    insert into oadb.ip_bans as known (
        network,
        reason,
        offences,
        banned_at,
        expires_at,
        source,
        banned_by
    )
    select
        clients.network,
        asked.reason,
        1,
        now(),
        case when coalesce(asked.last_offence <> 1, true) then asked.expires_at end,
        'person',
        :by
    from clients
    cross join asked
    where
        not clients.is_spared
        and (
            cast(:by as bigint) is null
            or exists (
                select 1 from oadb.users
                where users.user_id = :by
                for key share
            )
        )
    order by clients.network
    on conflict (network) do update
        set
            reason = excluded.reason,
            offences = known.offences + 1,
            banned_at = greatest(known.banned_at, excluded.banned_at),
            expires_at = case
                when
                    excluded.expires_at is not null
                    and coalesce((select asked.last_offence from asked) > known.offences + 1, true)
                    then greatest(known.expires_at, excluded.expires_at)
            end,
            source = excluded.source,
            banned_by = excluded.banned_by
        where known.expires_at < coalesce(excluded.expires_at, 'infinity')
    returning known.network
)

select
    count(*) as clients,
    (select count(*) from banned) as banned,
    count(*) filter (where clients.is_spared) as spared
from clients;
