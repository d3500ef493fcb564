-- The search for a rare term reads the rows of all brokers.

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
    if to_regclass('oadb.instruments_broker_text_idx') is null then
        return;
    end if;
    execute format(
        'create index instruments_two_columns_idx on oadb.instruments '
        'using gin ((broker || '' '' || (length(symbol) / 5)::text) %s.text_ops, '
        'search_text %s.gin_trgm_ops) '
        'with (gin_pending_list_limit = 65536)',
        schemas ->> 'btree_gin', schemas ->> 'pg_trgm'
    );
    drop index oadb.instruments_broker_text_idx;
    alter index oadb.instruments_two_columns_idx rename to instruments_broker_text_idx;
end
$$;

-- With the rights of the table's owner, which PostgreSQL asks for; there is nothing to misuse.
create or replace procedure oadb.merge_search_entries()
language plpgsql
security definer
set search_path = ''
as $$
declare
    merged  constant regclass := to_regclass('oadb.instruments_broker_text_idx');
    -- Where each of the two extensions stands.
    schemas constant jsonb := (
        select jsonb_object_agg(pg_extension.extname, quote_ident(pg_namespace.nspname))
        from pg_catalog.pg_extension
        inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_extension.extnamespace
    );
begin
    if merged is not null then
        perform gin_clean_pending_list(merged);
        return;
    end if;
    create index if not exists instruments_ranked_idx
    on oadb.instruments (broker, length(symbol), upper(symbol), symbol, exchange);
    create index if not exists instruments_underlying_idx
    on oadb.instruments (broker, underlying, exchange, expiry)
    where underlying is not null;
    create index if not exists instruments_broker_symbol_idx
    on oadb.instruments (broker, exchange, broker_symbol);
    -- Last: where it is, all are.
    execute format(
        'create index if not exists instruments_broker_text_idx on oadb.instruments '
        'using gin ((broker || '' '' || (length(symbol) / 5)::text) %s.text_ops, '
        'search_text %s.gin_trgm_ops) '
        'with (gin_pending_list_limit = 65536)',
        schemas ->> 'btree_gin', schemas ->> 'pg_trgm'
    );
end
$$;
