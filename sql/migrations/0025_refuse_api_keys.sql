-- depends: 0024_name_oneself
-- No pending order holds an API key under a longer name either: x-api-key, openalgo_apikey.
--
-- It fails where one does: delete the order, or take the key out and replace it.
--
-- Lock: access exclusive on oadb.pending_orders, while its rows are read.

-- A table of orders that wait for a person is a small one.
-- squawk-ignore-file constraint-missing-not-valid, ban-drop-constraint

set local lock_timeout = '4s';

alter table oadb.pending_orders
drop constraint pending_orders_order_data_secret_check,
add constraint pending_orders_order_data_secret_check check (
    not jsonb_path_exists(
        order_data,
        '$.** ? (@.type() == "object").keyvalue().key
        ? (@ like_regex "api[-_ ]?key$" flag "i")'
    )
);
