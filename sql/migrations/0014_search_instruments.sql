-- depends: 0013_record_instrument_loads
-- Instruments are found by any part of their names, numbers and strikes, and derivatives by what
-- they derive from.
--
-- Lock: access exclusive on oadb.instruments, while it is rewritten: seconds for 200,000 rows.
-- Deploy: before the code that searches. pg_trgm and btree_gin are trusted extensions: who may
-- create in this database may install them; where they stand already, in whatever schema, they are
-- used from there.

-- squawk-ignore-file adding-field-with-default, require-concurrent-index-creation

set local lock_timeout = '4s';

create extension if not exists pg_trgm with schema public;
create extension if not exists btree_gin with schema public;

-- upper() in the collation "C" changes a to z alone, as bytes.upper() of Python does. A space ends
-- each part, and no term of a search holds one, so that no match reaches across two parts.
alter table oadb.instruments
add column search_text text collate "C" generated always as (
    upper(
        (
            symbol || ' ' || broker_symbol || ' ' || coalesce(name, '') || ' ' || token || ' '
            || coalesce(trim_scale(strike)::text, '')
        ) collate "C"
    )
) stored;

comment on column oadb.instruments.search_text is
'All that a search looks at, in upper case.';

-- For terms of three letters and more. Lengths by fives tell where the short symbols are, which
-- come first: for a term that many hold they are enough. A load adds to a list of pending entries,
-- which costs a fraction of what the index itself would; every search reads that list, so that a
-- load merges it before it ends. Up to 64 MB, because the index does not give that space back.
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
        'create index instruments_search_text_idx on oadb.instruments '
        'using gin ((length(symbol) / 5) %s.int4_ops, search_text %s.gin_trgm_ops) '
        'with (gin_pending_list_limit = 65536)',
        schemas ->> 'btree_gin', schemas ->> 'pg_trgm'
    );
end
$$;

-- With the rights of the table's owner, which PostgreSQL asks for; there is nothing to misuse.
create procedure oadb.merge_search_entries()
language sql
security definer
set search_path = ''
begin atomic
    select gin_clean_pending_list('oadb.instruments_search_text_idx'::regclass);
end;

comment on procedure oadb.merge_search_entries () is
'Moves what a load added to the search of instruments to its place.';

-- For what symbols begin with, and for terms of one or two letters: a search walks it in the order
-- of its result and can stop early.
create index instruments_ranked_idx
on oadb.instruments (broker, length(symbol), upper(symbol), symbol, exchange);

create index instruments_underlying_idx
on oadb.instruments (broker, underlying, exchange, expiry)
where underlying is not null;

create index instruments_broker_symbol_idx
on oadb.instruments (broker, exchange, broker_symbol);
