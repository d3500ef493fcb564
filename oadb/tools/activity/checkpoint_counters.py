"""How many checkpoints there were, by time and on request, on any version of PostgreSQL."""

from dataclasses import dataclass
from datetime import timedelta

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools import catalog
from oadb.tools.activity import optional_statements

query = queries(__name__, folder=optional_statements.FOLDER)

_WITH_A_VIEW_OF_ITS_OWN = 170000


@dataclass(frozen=True, slots=True)
class CheckpointCounters:
    """Checkpoints that came by time, and those that were requested, within *counted*."""

    timed: int
    requested: int
    counted: timedelta


@query
def _find_in_bgwriter() -> CheckpointCounters: ...


@query
def _find_in_checkpointer() -> CheckpointCounters: ...


query.complete()


def find(db: Runner) -> CheckpointCounters:
    """Return the counters of the whole server."""
    is_new = catalog.describe_server(db).version_number >= _WITH_A_VIEW_OF_ITS_OWN
    return _find_in_checkpointer(db) if is_new else _find_in_bgwriter(db)
