-- What a SQLite file holds. Read by oadb.importing.

-- name: list_tables
-- Whether id, a whole number, is the primary key, and so the rowid: then no row is without one.
select
    tables.name,
    coalesce(
        (
            select group_concat(columns.name || ' ' || lower(columns.type))
            from pragma_table_info(tables.name) as columns
            where columns.pk > 0
        ) = 'id integer',
        false
    ) as has_id
from sqlite_master as tables
where
    tables.type = 'table'
    and substr(tables.name, 1, 7) <> 'sqlite_'
order by tables.name;

-- name: find_fault
-- ok, or the first fault. In rollback mode, writers wait until it is done: about 2 seconds for a
-- gigabyte.
select quick_check as fault
from pragma_quick_check(1);
