-- The contents of a PostgreSQL database. Run by oadb.importing.

-- name: list_tables
-- Tables, and whether their primary key is a whole number named id.
select
    tables.table_name as name,
    exists(
        select 1
        from pg_catalog.pg_index
        inner join pg_catalog.pg_attribute
            on
                pg_index.indrelid = pg_attribute.attrelid
                and pg_index.indkey[0] = pg_attribute.attnum
        where
            pg_index.indrelid = to_regclass(quote_ident(tables.table_name))
            and pg_index.indisprimary
            and pg_index.indnatts = 1
            and pg_attribute.attname = 'id'
            and pg_attribute.atttypid in (
                'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype
            )
    ) as has_id
from information_schema.tables
where
    tables.table_schema = any(current_schemas(false))
    and tables.table_type = 'BASE TABLE'
order by tables.table_name;

-- name: begin_reading
-- Until the end of the transaction, times are returned in UTC, as 2026-11-23 04:00:00+00. All
-- rows dated before settled are visible, unless their own transaction took longer.
select
    now() - interval '5 minutes' as settled,
    set_config('timezone', 'UTC', true) as timezone,
    set_config('datestyle', 'ISO', true) as datestyle;

-- name: list_downloads
-- When the master contract of each broker was downloaded last. Whole rows, as in tables.sql.
select * -- noqa: AM04
from master_contract_status
order by broker;
