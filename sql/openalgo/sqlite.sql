-- What a SQLite file holds. Read by oadb.importing.

-- name: list_tables
select name
from sqlite_master
where type = 'table'
order by name;
