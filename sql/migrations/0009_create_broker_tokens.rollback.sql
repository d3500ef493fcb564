set local lock_timeout = '4s';

drop table oadb.broker_tokens;
