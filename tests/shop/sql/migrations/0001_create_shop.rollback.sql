set local lock_timeout = '4s';

drop schema shop;
