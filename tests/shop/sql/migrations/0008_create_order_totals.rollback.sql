set local lock_timeout = '4s';

drop view shop.order_totals;
