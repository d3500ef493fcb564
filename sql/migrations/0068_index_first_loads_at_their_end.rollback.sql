-- A load writes an entry at a time again, into an empty table as well.

set local lock_timeout = '4s';

-- Those that a first load has dropped.
call oadb.merge_search_entries();

create or replace procedure oadb.merge_search_entries()
language sql
security definer
set search_path = ''
begin atomic
    select gin_clean_pending_list('oadb.instruments_broker_text_idx'::regclass);
end;

comment on procedure oadb.merge_search_entries () is
'Moves what a load added to the search of instruments to its place.';

drop function oadb.hold_search_indexes();
drop function oadb.defer_search_indexes();
