"""Plans of simulated sizes against those of real rows of the same shape. Run by hand:

    python tests/benchmarks/plan_sizes.py 1000000

The argument is the scale: the rows of the largest tables. The plans of three simulated databases
are compared with those of the real rows: one from the files of statistics, one from what
``oadb statistics export`` prints of the real rows, and one from that with ``--values`` of VALUED.

At 10^6 it takes 3 GB of disk and some minutes, and ten times as much at 10^7. Rows are inserted a
million at a time, so that neither memory nor the write-ahead log grows with them. The disk is that
of TMPDIR.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools import package_list
from oadb.tools.contract import comparison
from oadb.tools.plans import (
    planned_catalog,
    sized_database,
    statistics_export,
    statistics_files,
)
from oadb.tools.plans.planned_catalog import PlannedCatalog
from oadb.tools.plans.sized_database import Sizing
from tests.support.plan_agreement import Planned, connect, planned
from tests.support.shape_rows import ShapeRows, loosen

VALUED_TYPES = frozenset({"timestamptz", "date", "bool"})
VALUED = frozenset({"status", "state", "outcome", "kind", "broker", "exchange"})
"""Columns whose values are exported, by type or name, because they say nothing about a person."""

LARGEST = b"""
select max(whole.rows) from (
    select sum(greatest(reltuples, 0))::bigint as rows
    from pg_class
    where relkind = 'r' and relnamespace = 'oadb'::regnamespace
    group by coalesce((select inhparent from pg_inherits where inhrelid = pg_class.oid), oid)
) as whole
"""


def statements() -> list[Declaration]:
    """Return every declaration of oadb, each variant for itself."""
    (package,) = package_list.chosen(["oadb"])
    return [
        each
        for queries in comparison.declarations(package)
        for declared in queries
        for each in declared.variants.values() or [declared]
    ]


def main(scale: int) -> None:
    """Fill tables, and print how many plans differ from those of the simulated sizes."""
    packages = package_list.chosen(["oadb"])
    with sized_database.sizing(packages) as sizes:
        require_disk(sizes.data, scale)
        simulated = sizes.database(scale)
        real = sizes.copy("real")
        with Database(Config(real)) as db:
            catalog = planned_catalog.read(db, ["oadb"])
        begun = time.monotonic()
        fill(real, ShapeRows(catalog, statistics_files.load(packages), scale))
        print(f"filled in {time.monotonic() - begun:.0f} s", flush=True)
        print("\nfrom the files of statistics")
        compare(simulated, real)
        print("\nfrom an export without values")
        compare(exported(sizes, real, "without", []), real)
        print("\nfrom an export with values")
        compare(exported(sizes, real, "valued", valued(catalog)), real)


def require_disk(folder: Path, scale: int) -> None:
    """Refuse to begin without the room that all rows take."""
    free, needed = shutil.disk_usage(folder).free, 3000 * scale + 2 * 10**9
    if free < needed:
        raise SystemExit(
            f"{folder} has {free / 1e9:.0f} GB left, and {scale:,} rows take {needed / 1e9:.0f}: "
            "set TMPDIR to a folder on a larger disk"
        )


def valued(catalog: PlannedCatalog) -> list[str]:
    """Return the columns whose values a service would allow to be exported."""
    return [
        f"{table}.{column.name}"
        for table in catalog.tables.values()
        if table.parent_id is None
        for column in catalog.columns[table.table_id]
        if column.type_name in VALUED_TYPES or column.name in VALUED
    ]


def exported(sizes: Sizing, real: Dsn, name: str, values: Sequence[str]) -> Dsn:
    """Make a simulated database from the exported statistics of real rows."""
    with Database(Config(real)) as db:
        found = statistics_export.export(db, ["oadb"], values)
    with closing(connect(real)) as connection:
        row = connection.execute(LARGEST).fetchone()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "statistics").mkdir()
        (folder / "statistics" / "live.json").write_text(json.dumps(found.tables))
        shapes = statistics_files.load([Package("live", folder, "sql")])
        dsn = sizes.copy(name)
        largest = int(row[0]) if row else 0
        sized_database.simulate(dsn, sizes.data, ["oadb"], shapes, largest, sizes.moment)
    return dsn


def fill(real: Dsn, rows: ShapeRows) -> None:
    """Fill all tables, two at a time."""
    with closing(connect(real)) as connection:
        connection.execute("alter system set max_wal_size = '2GB'")
        connection.execute("select pg_reload_conf()")
        loosen(connection)

    def one(table: str) -> None:
        with closing(connect(real)) as connection:
            rows.insert(connection, [table])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, rows.tables))
    with closing(connect(real)) as connection:
        rows.analyze(connection, rows.tables)


def compare(simulated: Dsn, real: Dsn) -> None:
    """Print each statement that two databases plan with other nodes, tables, indexes or joins."""
    same, near = 0, 0
    differing: list[tuple[str, Planned, Planned]] = []
    with (
        closing(connect(simulated)) as left,
        closing(connect(real)) as right,
    ):
        for declared in statements():
            first, second = planned(left, declared), planned(right, declared)
            if first is None or second is None:
                print("not planned", declared.label)
            elif first.nodes == second.nodes:
                same += 1
                near += 0.5 <= (first.rows + 1) / (second.rows + 1) <= 2
            else:
                differing.append((declared.label, first, second))
    print(f"{same} alike, of which {near} within a factor of 2 in rows; {len(differing)} differ")
    for label, first, second in differing:
        print(f"\n{label}")
        for name, plan in (("simulated", first), ("real", second)):
            print(f"  {name} rows {plan.rows} cost {plan.cost}: {' > '.join(plan.nodes)}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
