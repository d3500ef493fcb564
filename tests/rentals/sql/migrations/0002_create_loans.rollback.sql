set local lock_timeout = '4s';

drop table rentals.loans;

drop table rentals.copies;

drop table rentals.customers;

drop table rentals.stores;
