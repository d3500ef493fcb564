-- depends: 0057_show_key_numbers
-- The search of instruments reads the symbols of its broker alone, by lengths: with ten brokers, it
-- read those of all ten.
--
-- Lock: loads of instruments wait while the index is built, some 20 seconds for 200,000 rows; then
-- access exclusive on oadb.instruments, for a moment.
-- Deploy: with the code that searches so; the code before it is slow without the old index.

-- A load is made once a day.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

set local lock_timeout = '4s';

do $$
declare
    -- Where each of the two extensions stands.
    schemas constant jsonb := (
        select jsonb_object_agg(pg_extension.extname, quote_ident(pg_namespace.nspname))
        from pg_catalog.pg_extension
        inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_extension.extnamespace
    );
begin
    execute format(
        'create index instruments_broker_text_idx on oadb.instruments '
        'using gin ((broker || '' '' || (length(symbol) / 5)::text) %s.text_ops, '
        'search_text %s.gin_trgm_ops) '
        'with (gin_pending_list_limit = 65536)',
        schemas ->> 'btree_gin', schemas ->> 'pg_trgm'
    );
end
$$;

create or replace procedure oadb.merge_search_entries()
language sql
security definer
set search_path = ''
begin atomic
    select gin_clean_pending_list('oadb.instruments_broker_text_idx'::regclass);
end;

drop index oadb.instruments_search_text_idx;
