-- IP bans and exemptions from them. Bound in oadb/bans/ip_bans.py.

-- name: _find_active
-- primary: whether an address is banned
-- Served by ip_bans_pkey and ban_exemptions_network_idx.
select
    abbrev(network) as network,
    reason,
    offences,
    banned_at,
    expires_at,
    source,
    banned_by as by
from oadb.active_ip_bans
where network = cast(cast(:network as text) as inet);

-- name: _put
-- Permanent if :duration is null, and from the :repeat_offender_limit th offence on; 0
-- never makes it so, null takes the limit of the security settings. An existing ban is
-- never shortened; a tracker leaves a ban in effect as it is. Returns no row then, or if the
-- network is exempt, or if there is no user :by. If the settings row is missing, the ban
-- still lasts for its duration.
-- scope: all users (:by is any of them)
-- Served by ban_exemptions_network_idx and users_pkey.
with asked as (
    select
        cast(cast(:network as text) as inet) as network,
        nullif(
            coalesce(
                cast(:repeat_offender_limit as bigint),
                (
                    select security_settings.repeat_offender_limit
                    from oadb.security_settings
                    where security_settings.singleton_id = 1
                )
            ),
            0
        ) as last_offence
)

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
    asked.network,
    :reason,
    1,
    now(),
    case
        when coalesce(asked.last_offence <> 1, true) then now() + cast(:duration as interval)
    end,
    :source,
    :by
from asked
where
    not exists (
        select 1 from oadb.ban_exemptions
        where ban_exemptions.network && asked.network
    )
    and (
        cast(:by as bigint) is null
        or exists (
            select 1 from oadb.users
            where users.user_id = :by
            for key share
        )
    )
on conflict (network) do update
    set
        reason = excluded.reason,
        offences = known.offences + 1,
        banned_at = greatest(known.banned_at, excluded.banned_at),
        expires_at = case
            when
                known.expires_at is not null
                and excluded.expires_at is not null
                and coalesce(
                    nullif(
                        coalesce(
                            cast(:repeat_offender_limit as bigint),
                            (
                                select security_settings.repeat_offender_limit
                                from oadb.security_settings
                                where security_settings.singleton_id = 1
                            )
                        ),
                        0
                    ) > known.offences + 1,
                    true
                )
                then greatest(known.expires_at, excluded.expires_at)
        end,
        source = excluded.source,
        banned_by = excluded.banned_by
    where excluded.source <> 'tracker' or known.expires_at <= now()
returning
    abbrev(network) as network,
    reason,
    offences,
    banned_at,
    expires_at,
    source,
    banned_by as by;

-- name: _find_exemption
-- primary: whether an address is banned
-- The narrowest exemption that contains the network. Served by ban_exemptions_network_idx.
select
    abbrev(network) as network,
    reason,
    is_builtin,
    created_at
from oadb.ban_exemptions
where network && cast(cast(:network as text) as inet)
order by masklen(network) desc
limit 1;

-- name: _unban
-- Also deletes the hits counted against it, so that the next hit does not ban it again. Served by
-- ip_bans_pkey and ip_trackers_pkey.
with forgotten as (
    delete from oadb.ip_trackers
    where network = cast(cast(:network as text) as inet)
    returning kind
)

delete from oadb.ip_bans
where
    network = cast(cast(:network as text) as inet)
    and (select count(*) from forgotten) >= 0;

-- name: list_all
-- Bans in effect, and on request expired ones; newest first. Served by
-- ip_bans_banned_at_idx.
-- grows: with the expired bans that it passes over; a year of them is kept.
select
    abbrev(bans.network) as network,
    bans.reason,
    bans.offences,
    bans.banned_at,
    bans.expires_at,
    bans.source,
    bans.banned_by as by
from oadb.ip_bans as bans
where
    true
    and coalesce(bans.expires_at > now(), true)  --? with_expired = false
    and (bans.banned_at, bans.network) < (:last_banned_at, :last_network::text::inet)  --? cursor
order by
    bans.banned_at desc,
    bans.network desc
limit :limit;

-- name: count
-- Bans that are in effect, and the permanent ones among them. Served by ban_exemptions_network_idx.
-- grows: with the bans; count_up_to does not.
select
    count(*) as active,
    count(*) filter (where expires_at is null) as permanent
from oadb.active_ip_bans;

-- name: count_up_to
-- What count counts, but of each kind at most :most. Served by ip_bans_expires_at_idx and
-- ban_exemptions_network_idx.
with found as (
    (
        select true as is_permanent
        from oadb.ip_bans
        where
            ip_bans.expires_at is null
            and not exists (
                select 1
                from oadb.ban_exemptions
                where ban_exemptions.network && ip_bans.network
            )
        order by ip_bans.expires_at
        limit :most
    )
    union all
    (
        select false as is_permanent
        from oadb.ip_bans
        where
            ip_bans.expires_at > now()
            and not exists (
                select 1
                from oadb.ban_exemptions
                where ban_exemptions.network && ip_bans.network
            )
        order by ip_bans.expires_at desc
        limit :most
    )
)

select
    least(count(*), :most) as active,
    count(*) filter (where is_permanent) as permanent
from found;

-- name: _exempt
insert into oadb.ban_exemptions as known (
    network,
    reason
)
values (
    cast(cast(:network as text) as inet),
    :reason
)
on conflict (network) do update
    set reason = excluded.reason
    where not known.is_builtin;

-- name: _unexempt
-- Served by ban_exemptions_network_idx.
delete from oadb.ban_exemptions
where
    network = cast(cast(:network as text) as inet)
    and not is_builtin;

-- name: list_exemptions
-- Networks that are never banned, in order. Served by ban_exemptions_pkey.
select
    abbrev(ban_exemptions.network) as network,
    ban_exemptions.reason,
    ban_exemptions.is_builtin,
    ban_exemptions.created_at
from oadb.ban_exemptions
where
    true
    and ban_exemptions.network > cast(cast(:last_network as text) as inet)  --? cursor
order by ban_exemptions.network
limit :limit;

-- name: delete_expired
-- Deletes at most :batch bans that expired over a year ago. Served by ip_bans_expires_at_idx and
-- ip_bans_pkey.
delete from oadb.ip_bans
where network in (
    select old.network
    from oadb.ip_bans as old
    where old.expires_at < now() - interval '1 year'
    order by old.expires_at
    limit :batch
    for update skip locked
);
