-- What was deleted, rejected or renamed stays so.

set local lock_timeout = '4s';

alter table oadb.pending_orders drop constraint pending_orders_symbol_check;
alter table oadb.api_keys drop constraint api_keys_name_visible_check;
alter table oadb.strategies drop constraint strategies_name_visible_check;
alter table oadb.strategy_mappings drop constraint strategy_mappings_visible_check;

drop function oadb.has_blank_symbol(jsonb);
drop function oadb.is_visible(text);
