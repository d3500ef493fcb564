"""Indexes of partitioned tables, built on each partition while services read and write.

"create index concurrently" does not take a partitioned table, and no file can name the partitions,
which differ from database to database. So a migration creates the index on the table alone ("on
only"), which takes an instant, and a run builds it on each partition and attaches it. A run that is
killed leaves the rest to the next one. A partition that is made meanwhile has its part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.single_connection import SingleConnection
from oadb.tools.migrations import migration_history as history
from oadb.tools.migrations.explanations import explained
from oadb.tools.migrations.timed_steps import timed
from oadb.tools.migrations.yoyo_backend import Backend

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class LackingPart:
    """A partition that lacks its part of an index, and the statements that make and attach it."""

    index_name: str
    partition_name: str
    drop_failed: str | None
    create_part: str | None
    attach_part: str

    def __str__(self) -> str:
        """Return which index it is, and where."""
        return f"index {self.index_name} on {self.partition_name}"


@query
def _list_lacking(schemas: list[str]) -> list[LackingPart]: ...


query.complete()


def plan(session: SingleConnection, packages: Sequence[str]) -> tuple[str, ...]:
    """Return what ``build`` would build now."""
    return tuple(map(str, _list_lacking(session, [*packages])))


def explain_invalid(session: SingleConnection, packages: Sequence[str]) -> list[str]:
    """Return why a run stops at other indexes that a build left invalid, a text for each."""
    return [
        f"index {index} is invalid: create index concurrently failed\n"
        f"    hint: drop index concurrently {index}; then run again"
        for index in history.list_invalid_indexes(session, [*packages])
    ]


def build(backend: Backend, packages: Sequence[str], tell: Callable[[str], None]) -> Iterator[str]:
    """Build and attach what partitions lack.

    Yields:
        Each index and partition.

    Raises:
        MigrationError: a statement failed; what was built stays.
    """
    for part in _list_lacking(backend.session, [*packages]):
        name = str(part)
        with timed(tell, "building", "built", name), explained(name), backend.copy() as copy:
            copy.watch.subject = name
            for statement in filter(None, (part.drop_failed, part.create_part, part.attach_part)):
                copy.connection.execute(statement.encode())
        yield name
