set local lock_timeout = '4s';

drop table rentals.payments;
