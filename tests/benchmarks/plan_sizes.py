"""Plans of simulated sizes against those of real rows of the same shape. Run by hand:

    python tests/benchmarks/plan_sizes.py 1000000

The argument is the scale: the rows of the largest tables. At 10^6 it takes 3 GB of disk and some
minutes, and ten times as much at 10^7. The disk is that of TMPDIR.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools import package_list
from oadb.tools.contract import comparison
from oadb.tools.plans import planned_catalog, statistics_files
from oadb.tools.plans.sized_database import sizing
from tests.support.plan_agreement import Planned, connect, planned
from tests.support.shape_rows import ShapeRows, loosen


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
    """Fill tables, and print how many plans differ from those of the simulated size."""
    packages = package_list.chosen(["oadb"])
    with sizing(packages) as sizes:
        simulated = sizes.database(scale)
        real = sizes.copy("real")
        with Database(Config(real)) as db:
            catalog = planned_catalog.read(db, ["oadb"])
        begun = time.monotonic()
        fill(real, ShapeRows(catalog, statistics_files.load(packages), scale))
        print(f"filled in {time.monotonic() - begun:.0f} s", flush=True)
        compare(simulated, real)


def fill(real: Dsn, rows: ShapeRows) -> None:
    """Fill all tables, two at a time."""
    with closing(connect(real)) as connection:
        connection.execute("alter system set max_wal_size = '8GB'")
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
