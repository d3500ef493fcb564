-- Whether a database has Citus. Bound in oadb/tools/scale/citus_presence.py.

-- name: find_citus_version
select extension.extversion
from pg_catalog.pg_extension as extension
where extension.extname = 'citus';
