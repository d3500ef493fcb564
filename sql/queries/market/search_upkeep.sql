-- The size of the index that searches of instruments read, and how it becomes smaller again. Bound
-- in oadb/market/search_upkeep.py.

-- name: get_size
-- Bytes of the index of trigrams and of the table, on the disk, and what an interrupted rebuild has
-- left. Null bytes if there is no index.
select
    pg_relation_size('oadb.instruments') as table_bytes,
    pg_relation_size(to_regclass('oadb.instruments_broker_text_idx')) as index_bytes,
    (
        select string_agg(pg_index.indexrelid::regclass::text, ', ')
        from pg_catalog.pg_index
        inner join pg_catalog.pg_class as class on pg_index.indexrelid = class.oid
        where
            pg_index.indrelid = 'oadb.instruments'::regclass
            and not pg_index.indisvalid
            and class.relname like 'instruments\_broker\_text\_idx\_cc%'
    ) as half_built;

-- name: _rebuild
-- Nobody waits for it; it waits for transactions that are older. Without a transaction.
reindex index concurrently oadb.instruments_broker_text_idx;
