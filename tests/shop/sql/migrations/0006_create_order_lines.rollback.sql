set local lock_timeout = '4s';

drop table shop.order_lines;
