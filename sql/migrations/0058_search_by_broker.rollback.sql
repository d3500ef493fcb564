-- The search of instruments reads the symbols of all brokers.

-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

set local lock_timeout = '4s';

do $$
declare
    schemas constant jsonb := (
        select jsonb_object_agg(pg_extension.extname, quote_ident(pg_namespace.nspname))
        from pg_catalog.pg_extension
        inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_extension.extnamespace
    );
begin
    execute format(
        'create index instruments_search_text_idx on oadb.instruments '
        'using gin ((length(symbol) / 5) %s.int4_ops, search_text %s.gin_trgm_ops) '
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
    select gin_clean_pending_list('oadb.instruments_search_text_idx'::regclass);
end;

drop index oadb.instruments_broker_text_idx;
