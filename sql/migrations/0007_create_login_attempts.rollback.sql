set local lock_timeout = '4s';

drop function oadb.try_again();
drop function oadb.lockout_wait(bigint, bigint);
drop table oadb.lockouts;
drop table oadb.login_attempts;
