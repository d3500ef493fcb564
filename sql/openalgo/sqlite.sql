-- The contents of a SQLite file. Run by oadb.importing.

-- name: list_tables
-- Tables, and whether their primary key is a whole number named id: then it is the rowid, which
-- is never null.
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
-- Returns ok, or at most 100 faults. In rollback mode it blocks writers, for about 2 seconds per
-- gigabyte. Without an argument: SQLite 3.53 takes that of a function for the name of a table.
select quick_check as fault
from pragma_quick_check;

-- name: list_downloads
-- When the master contract of each broker was downloaded last. Whole rows, as in tables.sql.
select * -- noqa: AM04
from master_contract_status
order by broker;
