-- depends: 0037_date_loads
-- Labels that show nothing are refused: symbols and exchanges of mappings, names of strategies and
-- of API keys, symbols of pending orders. A mapping without a visible symbol or exchange is
-- deleted, as no order can come of it; a pending order without a visible symbol is rejected, by
-- the platform; a name that shows nothing becomes 'unnamed'.
-- Lock: writes to these tables while each is read once.
-- Deploy: before or after the code.

-- Its locks are held until the end in any case, because rows are corrected first.
-- squawk-ignore-file constraint-missing-not-valid

set local lock_timeout = '4s';

create function oadb.is_visible(label text) returns boolean
language sql immutable parallel safe
return label ~ (
    '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f'
    '\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164'
    '\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb'
    '\U000e0000-\U000e0fff]'
);

comment on function oadb.is_visible(text) is
'Whether a text has a character that is neither white space nor without a shape.';

delete from oadb.strategy_mappings
where not oadb.is_visible(symbol) or not oadb.is_visible(exchange);

update oadb.strategies
set name = 'unnamed'
where not oadb.is_visible(name);

update oadb.api_keys
set name = 'unnamed'
where not oadb.is_visible(name);

create function oadb.has_blank_symbol(order_data jsonb) returns boolean
language sql immutable parallel safe
return exists (
    select 1
    from
        jsonb_path_query(
            has_blank_symbol.order_data, -- noqa: RF01
            '$.**.symbol ? (@.type() == "string")'
        ) as found (symbol)
    where not oadb.is_visible(found.symbol #>> '{}')
);

comment on function oadb.has_blank_symbol(jsonb) is
'Whether an order, or a part of it, names a symbol that shows nothing.';

update oadb.pending_orders
set
    status = 'rejected',
    decided_at = now(),
    reason = 'its symbol is blank'
where
    status = 'pending'
    and oadb.has_blank_symbol(order_data);

alter table oadb.strategy_mappings
add constraint strategy_mappings_visible_check
check (oadb.is_visible(symbol) and oadb.is_visible(exchange)) not valid;
alter table oadb.strategy_mappings validate constraint strategy_mappings_visible_check;

alter table oadb.strategies
add constraint strategies_name_visible_check check (oadb.is_visible(name)) not valid;
alter table oadb.strategies validate constraint strategies_name_visible_check;

alter table oadb.api_keys
add constraint api_keys_name_visible_check check (oadb.is_visible(name)) not valid;
alter table oadb.api_keys validate constraint api_keys_name_visible_check;

-- Of those that wait: what was decided before stays, and its outcome can be recorded.
alter table oadb.pending_orders
add constraint pending_orders_symbol_check
check (status <> 'pending' or not oadb.has_blank_symbol(order_data)) not valid;
alter table oadb.pending_orders validate constraint pending_orders_symbol_check;

call oadb.renew_privileges();
