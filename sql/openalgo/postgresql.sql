-- What a PostgreSQL database holds. Read by oadb.importing.

-- name: list_tables
select tables.table_name as name
from information_schema.tables
where
    tables.table_schema = any(current_schemas(false))
    and tables.table_type = 'BASE TABLE'
order by tables.table_name;

-- name: begin
-- Times are told in UTC, as 2026-11-23 04:00:00+00, for the length of the transaction.
select
    set_config('timezone', 'UTC', true) as timezone,
    set_config('datestyle', 'ISO', true) as datestyle;
