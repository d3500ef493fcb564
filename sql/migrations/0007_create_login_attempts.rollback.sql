set local lock_timeout = '4s';

drop table oadb.lockouts;
drop table oadb.login_attempts;
