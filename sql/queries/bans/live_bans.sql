-- Bans in memory. Bound in oadb/bans/live_bans.py.

-- name: _get_state
-- A text that differs after any ban or exemption is written or deleted, also by hand. Sums
-- of whole microseconds do not depend on the order of rows; date_part is many times cheaper
-- than extract.
with bans as (
    select
        count(*) as total,
        sum((date_part('epoch', ip_bans.banned_at) * 1e6)::bigint) as begins,
        sum((date_part('epoch', ip_bans.expires_at) * 1e6)::bigint) as ends
    from oadb.ip_bans
),

exemptions as (
    select
        count(*) as total,
        sum((date_part('epoch', ban_exemptions.created_at) * 1e6)::bigint) as begins
    from oadb.ban_exemptions
)

select
    concat_ws(
        ' ', bans.total, bans.begins, bans.ends, exemptions.total, exemptions.begins
    ) as state
from bans
cross join exemptions;

-- name: _list_active
select
    abbrev(network) as network,
    expires_at - now() as remaining
from oadb.active_ip_bans;
