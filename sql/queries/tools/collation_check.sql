-- The order of texts, as the server has it now. Bound in oadb/tools/collation_check.py.

-- name: _list_versions
-- Of the database, without a name, and of each collation that a column of a table has. Those that
-- compare by bytes have no version, nor have locales of which the server knows none. What tells the
-- version is volatile, and writes nothing.
-- writes: pg_collation_actual_version(), pg_database_collation_actual_version()
select
    null::text as collation_name,
    pg_database.datcollversion as made_with,
    pg_catalog.pg_database_collation_actual_version(pg_database.oid) as runs_with
from pg_catalog.pg_database
where pg_database.datname = current_database()
union all
select
    pg_collation.oid::regcollation::text as collation_name,
    pg_collation.collversion as made_with,
    pg_catalog.pg_collation_actual_version(pg_collation.oid) as runs_with
from pg_catalog.pg_collation
where
    pg_collation.collprovider <> 'd'
    and exists (
        select
        from pg_catalog.pg_attribute
        inner join pg_catalog.pg_class on pg_attribute.attrelid = pg_class.oid
        where
            pg_attribute.attcollation = pg_collation.oid
            and pg_class.relkind in ('r', 'p', 'm')
            and pg_class.relnamespace not in (
                'pg_catalog'::regnamespace, 'information_schema'::regnamespace
            )
    )
order by collation_name nulls first;
