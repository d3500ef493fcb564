-- Whether bans have changed is read from all bans.

set local lock_timeout = '4s';

-- With its triggers.
drop function oadb.note_ban_change() cascade;
drop table oadb.ban_changes;

delete from oadb.role_privileges
where table_name = 'ban_changes';
