-- Columns that a Citus cluster fills with numbers. Bound in
-- oadb/tools/intended/numbered_columns.py.

-- name: _list_numbered
-- The identity columns of distributed tables, by the names of their tables: roles that may insert
-- into named columns of such a table may insert into these as well, by oadb.grant_privileges.
select
    pg_catalog.quote_ident(pg_namespace.nspname)
    || '.' || pg_catalog.quote_ident(pg_class.relname) as table_name,
    pg_catalog.quote_ident(pg_attribute.attname) as column_name
from pg_catalog.pg_dist_partition
inner join pg_catalog.pg_class on pg_dist_partition.logicalrelid = pg_class.oid
inner join pg_catalog.pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_catalog.pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    pg_dist_partition.partmethod = 'h'
    and pg_attribute.attidentity <> ''
order by
    pg_namespace.nspname,
    pg_class.relname,
    pg_attribute.attnum;
