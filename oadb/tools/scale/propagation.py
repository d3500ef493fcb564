"""What Citus sends to workers when a migration changes the schema.

Before any table is distributed: nothing. Citus would create functions on workers whose tables are
not there, and refuse bodies that name those. What distributed tables need, it creates with them.
Afterwards: everything, because shards must change with their table.
"""

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity import optional_statements
from oadb.tools.scale.citus_presence import find_citus_version

query = queries(__name__, folder=optional_statements.FOLDER)


@query
def _has_tables() -> bool: ...


@query
def _keep_here() -> str: ...


query.complete()


def settle(session: Runner) -> None:
    """Have a session that migrates send to the workers what they need; without Citus, nothing."""
    if find_citus_version(session) is not None and not _has_tables(session):
        _keep_here(session)
