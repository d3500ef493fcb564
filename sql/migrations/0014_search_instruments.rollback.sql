-- The extensions stay: others may use them.
set local lock_timeout = '4s';

drop procedure oadb.merge_search_entries();

drop index oadb.instruments_broker_symbol_idx;
drop index oadb.instruments_underlying_idx;
drop index oadb.instruments_ranked_idx;
drop index oadb.instruments_search_text_idx;

alter table oadb.instruments drop column search_text;
