-- The server: what it is, what it allows, what it knows. Bound in oadb/catalog.py.

-- name: describe_server
-- The connection limit is what ordinary roles may use.
select
    pg_catalog.current_setting('server_version_num')::int as version_number,
    pg_catalog.current_setting('server_version') as version,
    pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int as connection_limit,
    pg_catalog.pg_is_in_recovery() as is_standby,
    pg_catalog.clock_timestamp() as clock,
    current_user::text as role_name;

-- name: count_other_connections
-- Of client sessions, without our own application's.
select count(*) as connections
from pg_catalog.pg_stat_activity
where
    backend_type = 'client backend'
    and application_name <> pg_catalog.current_setting('application_name');

-- name: list_extensions
-- Of those named, what the server could install and what this database has.
select
    name::text as name,
    installed_version is not null as is_installed
from pg_catalog.pg_available_extensions
where name::text = any(:names)
order by name;

-- name: list_settings
-- Of the limits named, in the unit that each has.
select
    name,
    setting
from pg_catalog.pg_settings
where name = any(:names)
order by name;

-- name: list_types
select
    oid::bigint as type_id,
    typname::text as name
from pg_catalog.pg_type
where oid::bigint = any(:type_ids)
order by oid;

-- name: list_not_null_columns
-- Column numbers of one table whose values are never null.
select attnum::int as column_number
from pg_catalog.pg_attribute
where
    attrelid::bigint = :table_id
    and attnotnull
order by attnum;

-- name: list_volatile_functions
-- Of those named, functions that may change something or answer differently
-- each time; a name counts if any function of that name is volatile.
select distinct proname::text as name
from pg_catalog.pg_proc
where
    proname::text = any(:names)
    and provolatile = 'v'
order by name;

-- name: find_table
-- A view does not say which of its columns are never null.
select
    pg_class.oid::bigint as table_id,
    pg_namespace.nspname || '.' || pg_class.relname as name,
    pg_class.relkind = 'v' as is_view
from pg_catalog.pg_class
inner join pg_catalog.pg_namespace
    on pg_class.relnamespace = pg_namespace.oid
where pg_class.oid::bigint = :table_id;
