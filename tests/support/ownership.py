"""What belongs to users in a migrated database: tables, and the views that show them."""

from typing import Any

import psycopg

_OWNED = """
with recursive owned (relation_id) as (
    select pg_constraint.conrelid
    from pg_catalog.pg_constraint
    inner join pg_catalog.pg_attribute
        on pg_attribute.attrelid = pg_constraint.conrelid
        and pg_attribute.attnum = any(pg_constraint.conkey)
    where pg_constraint.contype = 'p' and pg_attribute.attname = 'user_id'
    union
    select pg_rewrite.ev_class
    from owned
    inner join pg_catalog.pg_depend
        on pg_depend.refobjid = owned.relation_id
        and pg_depend.refclassid = 'pg_catalog.pg_class'::regclass
        and pg_depend.classid = 'pg_catalog.pg_rewrite'::regclass
    inner join pg_catalog.pg_rewrite on pg_rewrite.oid = pg_depend.objid
)
select
    pg_class.relname,
    pg_class.relkind in ('r', 'p')
    or coalesce('security_invoker=true' = any(pg_class.reloptions), false)
from owned
inner join pg_catalog.pg_class on pg_class.oid = owned.relation_id
where pg_class.relnamespace = 'oadb'::regnamespace
"""


def owned_relations(connection: psycopg.Connection[Any]) -> dict[str, bool]:
    """Return the tables with user_id in their primary key and the views that read them.

    The value says whether row-level security binds the reader; for a view, whether it is read
    with the rights of the caller.
    """
    return dict(connection.execute(_OWNED).fetchall())
