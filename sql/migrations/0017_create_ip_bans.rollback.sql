-- Every ban, exemption and tracker is lost.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name in ('ip_bans', 'ban_exemptions', 'ip_trackers', 'active_ip_bans');

drop view oadb.active_ip_bans;
drop table oadb.ip_trackers;
drop table oadb.ban_exemptions;
drop table oadb.ip_bans;
