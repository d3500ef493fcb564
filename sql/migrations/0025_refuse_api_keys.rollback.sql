-- Longer names are taken again.

set local lock_timeout = '4s';

alter table oadb.pending_orders
drop constraint pending_orders_order_data_secret_check,
add constraint pending_orders_order_data_secret_check check (
    not jsonb_path_exists(
        order_data,
        '$.** ? (@.type() == "object").keyvalue().key
        ? (@ like_regex "^api[-_ ]?key$" flag "i")'
    )
);
