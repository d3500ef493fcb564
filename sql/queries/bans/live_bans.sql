-- Bans in memory. Bound in oadb/bans/live_bans.py.

-- name: _get_state
-- primary: whether an address is banned
-- A text that differs after any ban or exemption is written or deleted, also by hand: triggers note
-- it in the transaction of the change. Reads a few rows, however many bans there are.
select coalesce(string_agg(ban_change_id::text, ' ' order by ban_change_id), '') as state
from oadb.ban_changes;

-- name: _list_active
-- primary: whether an address is banned
-- Served by ban_exemptions_network_idx.
-- grows: with the bans in effect, all of which a process keeps in memory.
select
    abbrev(network) as network,
    expires_at - now() as remaining
from oadb.active_ip_bans;
