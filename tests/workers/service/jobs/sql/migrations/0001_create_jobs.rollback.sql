set local lock_timeout = '4s';

drop table jobs.payouts;

drop table jobs.claims;

drop schema jobs;
