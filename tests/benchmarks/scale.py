"""What a row takes, and what statements cost where tables have 10^4 to 10^12 rows. Run by hand:

    python tests/benchmarks/scale.py

Prints the tables of docs/scale.md and writes its picture, docs/scale-cost.svg. Rows of the usual
shape are made, 10^5 of the largest tables, and measured: their bytes, and how long each statement
takes for each unit of its planned cost: the quickest tenth of its calls, of pages in memory. The
plans of simulated sizes then say what it costs with up to 10^9 rows. From there to 10^12 it grows
as it did from 10^6 on.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from math import log10
from pathlib import Path

import psycopg
from psycopg import sql as texts

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import package_list
from oadb.tools.plans import planned_catalog, sized_database, statistics_files
from oadb.tools.plans.sample_values import sample_values
from oadb.tools.plans.sized_database import Sizing
from tests.support.declared import declaration
from tests.support.plan_agreement import connect, planned
from tests.support.shape_rows import ShapeRows

PICTURE = Path(__file__).parents[2] / "docs/scale-cost.svg"
REAL = 10**5
SIZES = tuple(10**power for power in range(4, 10))
LARGEST = 10**12

STATEMENTS = (
    "users.find_by_username",
    "sessions.list_by_user",
    "api_keys.list_by_user",
    "api_logs.get",
    "api_logs.list_calls +user_id",
    "api_logs.count +user_id",
    "security_events.list_by_user",
    "traffic.count",
)

BYTES = """
select
    parent.relname::text as name,
    sum(pg_table_size(part.oid))::bigint as heap,
    sum(pg_indexes_size(part.oid))::bigint as indexes
from pg_class as part
inner join pg_class as parent
    on
        parent.oid = coalesce(
            (select inhparent from pg_inherits where inhrelid = part.oid), part.oid
        )
where part.relkind = 'r' and part.relnamespace = 'oadb'::regnamespace
group by parent.relname
order by parent.relname
"""

# Tables with fewer rows say more of their last page than of a row.
_FEWEST = 5000
_CALLS = 200


def main() -> None:
    """Print the tables, and write the picture."""
    packages = package_list.chosen(["oadb"])
    chosen = [declaration(label) for label in STATEMENTS]
    with sized_database.sizing(packages) as sizes:
        real = sizes.copy("real")
        with Database(Config(real)) as db:
            catalog = planned_catalog.read(db, ["oadb"])
        rows = ShapeRows(catalog, statistics_files.load(packages), REAL)
        with closing(connect(real)) as connection:
            rows.fill(connection)
            print_bytes(connection)
            units = {each.label: unit(connection, each) for each in chosen}
        found = {each.label: times(sizes, each, units[each.label]) for each in chosen}
    print_times(found)
    PICTURE.write_text(picture(found))


def print_bytes(connection: psycopg.Connection) -> None:
    """Print what a row of each table takes, and 10^9 of them."""
    print(
        "| table | rows | bytes a row | with indexes | 10^9 rows |\n| --- | --- | --- | --- | --- |"
    )
    for name, heap, indexes in connection.execute(BYTES.encode()).fetchall():
        count = texts.SQL("select count(*) from oadb.{}").format(texts.Identifier(name))
        row = connection.execute(count).fetchone()
        if row is not None and row[0] >= _FEWEST:
            whole = (heap + indexes) / row[0]
            print(f"| `{name}` | {row[0]:,} | {heap / row[0]:.0f} | {whole:.0f} | {whole:.0f} GB |")


def unit(connection: psycopg.Connection, statement: Declaration) -> float:
    """Return the milliseconds of a unit of a statement's planned cost, where rows are real."""
    given = {**sample_values(statement, datetime.now(UTC)), "user_id": "7", "limit": "100"}
    values = [given.get(name) for name in statement.statement.params]
    literals = ", ".join(texts.Literal(each).as_string(connection) for each in values)
    connection.execute("set plan_cache_mode = force_generic_plan")
    connection.execute("deallocate all")
    connection.execute(b"prepare timed as " + statement.statement.sql)
    spent: list[float] = []
    for _ in range(_CALLS):
        begun = time.perf_counter()
        connection.execute(f"execute timed({literals})".encode()).fetchall()
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.quantiles(spent, n=10)[0] / cost(connection, statement)


def cost(connection: psycopg.Connection, statement: Declaration) -> float:
    """Return the planned cost of a statement, for any values."""
    found = planned(connection, statement)
    if found is None:
        raise SystemExit(f"{statement.label} has no plan for any values")
    return found.cost


def times(sizes: Sizing, statement: Declaration, per_unit: float) -> dict[int, float]:
    """Return the milliseconds of a statement at each size, the largest one extrapolated."""
    found: dict[int, float] = {}
    for size in SIZES:
        with closing(connect(sizes.database(size))) as connection:
            found[size] = per_unit * cost(connection, statement)
    return {**found, LARGEST: found[10**9] ** 2 / found[10**6]}


def print_times(found: Mapping[str, Mapping[int, float]]) -> None:
    """Print what each statement takes at some of the sizes."""
    shown = (10**4, 10**6, 10**9, LARGEST)
    print("\n| statement |" + "".join(f" 10^{log10(size):.0f} rows |" for size in shown))
    print("| --- |" + " --- |" * len(shown))
    for label, sized in found.items():
        print(f"| `{label}` |" + "".join(f" {told(sized[size])} |" for size in shown))


def told(milliseconds: float) -> str:
    """Return a time with two digits and a unit."""
    units = ((1, 1000, "us"), (1000, 1, "ms"), (1e6, 1e-3, "s"), (1e99, 1 / 3.6e6, "h"))
    factor, name = next((factor, name) for limit, factor, name in units if milliseconds < limit)
    value = milliseconds * factor
    return f"{value:.0f} {name}" if value >= 10 else f"{value:.2g} {name}"


# The picture: both axes by powers of ten ------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT = 560, 340, 60, 20, 270
_COLOURS = ("#0b6", "#06c", "#c30", "#90c", "#c80", "#088", "#666", "#c06")


def picture(found: Mapping[str, Mapping[int, float]]) -> str:
    """Draw the milliseconds of statements against the rows of the largest tables."""
    every = [log10(value) for sized in found.values() for value in sized.values()]
    low, high = int(min(every)) - 1, int(max(every)) + 1
    lines = [*_axes(low, high)]
    for number, (label, sized) in enumerate(found.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [(_across(size), _up(value, low, high)) for size, value in sized.items()]
        shown = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        lines.append(f'<polyline points="{shown}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _TOP + 18 * (number + 1)
        lines.append(f'<text x="{_WIDTH + 15}" y="{y}" fill="{colour}">{label}</text>')
    size = f'viewBox="0 0 {_WIDTH + _RIGHT} {_HEIGHT + 40}" font-family="sans-serif"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="13">'
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join((head, ground, *lines, "</svg>\n"))


def _axes(low: int, high: int) -> Iterator[str]:
    for power in range(4, 13):
        x = _across(10**power)
        yield f'<text x="{x:.0f}" y="{_HEIGHT + 18}" text-anchor="middle">10^{power}</text>'
        yield _line((x, _TOP), (x, _HEIGHT))
    for power in range(low, high + 1):
        y = _up(10.0**power, low, high)
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{told(10.0**power)}</text>'
        yield _line((_LEFT, y), (_WIDTH, y))
    middle = f'x="{(_LEFT + _WIDTH) // 2}" y="{_HEIGHT + 36}" text-anchor="middle"'
    yield f"<text {middle}>rows of the largest tables</text>"


def _line(start: Sequence[float], end: Sequence[float]) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#ddd"/>'


def _across(rows: float) -> float:
    return _LEFT + (log10(rows) - 4) / 8 * (_WIDTH - _LEFT)


def _up(milliseconds: float, low: int, high: int) -> float:
    return _HEIGHT - (log10(milliseconds) - low) / (high - low) * (_HEIGHT - _TOP)


if __name__ == "__main__":
    main()
