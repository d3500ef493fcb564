-- Settings of the server. Bound in oadb/tools/activity/server_findings.py.

-- name: _list_server_settings
-- The settings of those named that this server has, as SHOW says them.
select
    pg_settings.name,
    pg_catalog.current_setting(pg_settings.name) as value
from pg_catalog.pg_settings
where pg_settings.name = any(:names)
order by pg_settings.name;

-- name: find_statement_statistics
-- Whether pg_stat_statements is loaded by the server, and the schema in which this database has it.
select
    (
        select count(*) > 0
        from pg_catalog.pg_settings
        where pg_settings.name = 'pg_stat_statements.max'
    ) as is_loaded,
    (
        select namespace.nspname::text
        from pg_catalog.pg_extension as extension
        inner join pg_catalog.pg_namespace as namespace on extension.extnamespace = namespace.oid
        where extension.extname = 'pg_stat_statements'
    ) as schema_name;
