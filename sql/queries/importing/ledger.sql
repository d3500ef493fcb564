-- What imported rows were like when they were compared last. Bound in
-- oadb/importing/ledger.py.

-- name: list_entries
-- A table of people, strategies, settings or bans: its rows are few. Served by
-- imported_rows_pkey.
select
    row_id,
    target,
    there,
    here
from oadb.imported_rows
where
    installation = :installation
    and table_name = :table_name
order by row_id;

-- name: put
insert into oadb.imported_rows (
    installation,
    table_name,
    row_id,
    target,
    there,
    here
)
values (
    :installation,
    :table_name,
    :row_id,
    :target,
    :there,
    :here
)
on conflict (installation, table_name, row_id) do update
    set
        target = excluded.target,
        there = excluded.there,
        here = excluded.here,
        compared_at = now();
