"""How many rows each table gets in a rehearsal, in proportion to those of a live database."""

from collections.abc import Mapping, Sequence

from oadb.engine.binding.packages import Package
from oadb.engine.executors import Runner
from oadb.tools.migrations.declared_calls import plain
from oadb.tools.plans import planned_catalog, statistics_files
from oadb.tools.plans.table_sizes import TableRows

# Rows of the largest table of a database that has been in use.
_IN_USE = 1000


class RehearsalRows:
    """Tells how many rows tables get: the largest of some *most*, the others in proportion.

    In proportion to the live ones if these are in use, else to what files of statistics say; a
    table of which none says anything is as large as the largest.
    """

    def __init__(
        self,
        db: Runner,
        packages: Sequence[Package],
        live: Mapping[str, int],
        names: Sequence[str],
        most: int,
    ) -> None:
        """Read the files and the catalog.

        Args:
            db: runs a query in a database with these tables.
            live: the rows of live tables, by their names.
            names: of the tables of which the largest gets *most* rows.

        Raises:
            DeclarationError: a file of statistics is invalid.
        """
        self._live, self._most = live, most
        self._said: TableRows | None = None
        if max((live.get(name, 0) for name in names), default=0) < _IN_USE:
            schemas = sorted({plain(name).partition(".")[0] for name in names})
            catalog = planned_catalog.read(db, schemas)
            self._said = TableRows(statistics_files.load(packages), catalog, most)
        self._largest = max(map(self._rows, names), default=0.0)

    def of(self, name: str) -> int:
        """Return how many rows a table gets, from 1 to *most*."""
        share = self._rows(name) / self._largest if self._largest else 1.0
        return min(self._most, max(1, round(self._most * share)))

    def _rows(self, name: str) -> float:
        if self._said is None:
            return self._live.get(name, 0)
        return min(self._most, self._said.of(plain(name)))
