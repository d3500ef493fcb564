set local lock_timeout = '4s';

alter table oadb.users
alter column username_key type text collate "default",
alter column email_key type text collate "default";
