-- depends: 0007_add_order_index
set local lock_timeout = '4s';

create view shop.order_totals with (security_invoker = true) as
select
    order_lines.order_id,
    count(*) as lines,
    sum(order_lines.quantity * order_lines.price) as total
from shop.order_lines
group by order_lines.order_id;
