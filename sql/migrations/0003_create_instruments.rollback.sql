set local lock_timeout = '4s';

drop table oadb.instrument_staging;
drop table oadb.instruments;
