set local lock_timeout = '4s';

create schema shop;
