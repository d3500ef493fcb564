-- How this connection reaches the server. Bound in oadb/tools/transport_check.py.

-- name: _describe_session
-- As the server sees it: behind a pooler, that is the connection of the pooler.
-- From PostgreSQL 16 on system_user is a function of SQL: the method and who
-- signed in by it, or null if nothing was asked for. In 15 it is the column.
with before_16 as (
    select null::text as system_user
)

select
    pg_stat_ssl.ssl as is_encrypted,
    pg_stat_ssl.version as protocol,
    pg_stat_ssl.cipher,
    pg_catalog.split_part(system_user, ':', 1) as method
from pg_catalog.pg_stat_ssl
cross join before_16
where pg_stat_ssl.pid = pg_catalog.pg_backend_pid();
