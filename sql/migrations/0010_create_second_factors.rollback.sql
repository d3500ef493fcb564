set local lock_timeout = '4s';

drop table oadb.second_factors;
