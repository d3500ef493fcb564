-- depends: 0067_key_logs_by_user
-- A load into an empty table of instruments makes the indexes of lookups by other names and of the
-- search at its end, from sorted entries, which costs a third less than an entry at a time. It
-- drops them in a transaction of its own before; readers of the empty table miss nothing by that,
-- and the rows appear together with their indexes.
--
-- Lock: none.
-- Deploy: before the code that calls the functions; the code before it goes on as it did.

set local lock_timeout = '4s';

create function oadb.defer_search_indexes() returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- By its pages, which no policy hides, and its rows, which may be on another server. In another
    -- transaction the lock would last too long.
    if
        pg_current_xact_id_if_assigned() is not null
        or to_regclass('oadb.instruments_broker_text_idx') is null
        or not has_table_privilege(session_user, 'oadb.instruments', 'insert')
        or pg_relation_size('oadb.instruments') > 0
        or exists (select from oadb.instruments)
    then
        return false;
    end if;
    lock table oadb.instruments in access exclusive mode nowait;
    if pg_relation_size('oadb.instruments') > 0 or exists (select from oadb.instruments) then
        return false;
    end if;
    drop index if exists
    oadb.instruments_broker_text_idx,
    oadb.instruments_ranked_idx,
    oadb.instruments_underlying_idx,
    oadb.instruments_broker_symbol_idx;
    return true;
exception
    when lock_not_available then
        return false;
end
$$;

comment on function oadb.defer_search_indexes() is
'Drops the indexes that oadb.merge_search_entries makes, if there are no instruments and nobody is '
'at the table: before a first load. Says whether it did.';

-- With the rights of the caller, who writes instruments.
create function oadb.hold_search_indexes() returns void
language plpgsql
set search_path = ''
set lock_timeout = '10min'
as $$
begin
    begin
        lock table oadb.instruments in row exclusive mode;
        if to_regclass('oadb.instruments_broker_text_idx') is null then
            raise no_data_found;
        end if;
        return;
    exception
        -- Ends the lock as well: of two loads that held it, neither would get the next one.
        when no_data_found then null;
    end;
    lock table oadb.instruments in share row exclusive mode;
end
$$;

comment on function oadb.hold_search_indexes() is
'Keeps the indexes of instruments until the transaction ends. Where they are missing it waits for '
'other loads, and lets none begin: the one that calls this makes them.';

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

comment on procedure oadb.merge_search_entries () is
'Moves what a load added to the search of instruments to its place, or makes the indexes that '
'oadb.defer_search_indexes dropped.';

call oadb.renew_privileges();
