set local lock_timeout = '4s';

drop index shop.orders_customer_id_idx;
