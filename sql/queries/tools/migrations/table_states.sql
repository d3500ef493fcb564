-- What a transaction has done to tables so far. Bound in oadb/tools/migrations/table_states.py.

-- name: _note_rewrites
-- In this session alone, and until it ends: both are temporary.
do $$
begin
    create function pg_temp.note_rewrite() returns event_trigger
    language plpgsql
    as $note$
    begin
        perform pg_catalog.set_config(
            'oadb.rewritten',
            pg_catalog.concat(
                pg_catalog.current_setting('oadb.rewritten', true),
                ' ',
                pg_catalog.pg_event_trigger_table_rewrite_oid()
            ),
            false
        );
    end
    $note$;
    create event trigger oadb_note_rewrites on table_rewrite
    execute function pg_temp.note_rewrite();
end
$$;

-- name: _list_rewritten
-- Those that an ALTER TABLE of this session wrote again, in the order of these.
select noted.table_id::bigint as table_id
from
    pg_catalog.regexp_split_to_table(
        pg_catalog.current_setting('oadb.rewritten', true), ' '
    ) with ordinality as noted (table_id, place)
where noted.table_id <> ''
order by noted.place;

-- name: _list_tables
-- Tables and materialized views of all schemas but the server's own. The scans are those that were
-- flushed, and those of this transaction. A partition has the name of its table. What counts them
-- is volatile, and writes nothing.
-- writes: pg_stat_get_xact_numscans()
select
    class.oid::bigint as table_id,
    pg_catalog.format('%I.%I', root_schema.nspname, root.relname) as root_name,
    coalesce(pg_catalog.pg_relation_filenode(class.oid), 0)::bigint as file_node,
    coalesce(pg_catalog.pg_stat_get_numscans(class.oid), 0)
    + coalesce(pg_catalog.pg_stat_get_xact_numscans(class.oid), 0) as scans
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_class as root
    on root.oid = coalesce(pg_catalog.pg_partition_root(class.oid), class.oid)
inner join pg_catalog.pg_namespace as root_schema on root.relnamespace = root_schema.oid
where
    class.relkind in ('r', 'p', 'm')
    and class.relpersistence <> 't'
    and namespace.nspname <> 'information_schema'
    and not pg_catalog.starts_with(namespace.nspname, 'pg_')
order by class.oid;

-- name: _list_indexes
-- Without those of partitioned tables, which have no entries.
select
    index.indexrelid::bigint as index_id,
    index.indrelid::bigint as table_id,
    class.relname::text as index_name,
    coalesce(pg_catalog.pg_relation_filenode(class.oid), 0)::bigint as file_node
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indexrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    class.relkind = 'i'
    and namespace.nspname <> 'information_schema'
    and not pg_catalog.starts_with(namespace.nspname, 'pg_')
order by index.indexrelid;

-- name: _list_columns
-- Of the tables, with the table's own name.
select
    attribute.attrelid::bigint as table_id,
    attribute.attnum::integer as number,
    attribute.attname::text as column_name
from pg_catalog.pg_attribute as attribute
inner join pg_catalog.pg_class as class on attribute.attrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    class.relkind in ('r', 'p')
    and not class.relispartition
    and attribute.attnum > 0
    and not attribute.attisdropped
    and namespace.nspname <> 'information_schema'
    and not pg_catalog.starts_with(namespace.nspname, 'pg_')
order by
    attribute.attrelid,
    attribute.attnum;

-- name: _list_locks
-- Of tables, held or waited for by a session.
select
    locks.relation::bigint as table_id,
    locks.mode,
    locks.granted as is_granted
from pg_catalog.pg_locks as locks
where
    locks.pid = :pid
    and locks.locktype = 'relation'
    and locks.database <> 0
order by
    locks.relation,
    locks.mode;

-- name: flush_statistics
-- At the end of the transaction that this is in.
-- writes: pg_stat_force_next_flush()
select pg_catalog.pg_stat_force_next_flush()::text as flushed;

-- name: show_lock_timeout
select pg_catalog.current_setting('lock_timeout') as lock_timeout;

-- name: stop_writers
-- Until the end of the transaction: with it, whatever takes a lock that matters waits.
do $$
declare
    found record;
begin
    for found in
        select
            namespace.nspname,
            class.relname
        from pg_catalog.pg_class as class
        inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
        where
            class.relkind in ('r', 'p')
            and class.relpersistence <> 't'
            and namespace.nspname <> 'information_schema'
            and not pg_catalog.starts_with(namespace.nspname, 'pg_')
        order by class.oid
    loop
        execute pg_catalog.format(
            'lock table only %I.%I in share mode', found.nspname, found.relname
        );
    end loop;
end
$$;
