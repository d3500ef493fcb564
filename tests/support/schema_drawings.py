"""The schema of oadb as drawings, one for each room, and the page that shows them.

``python -m tests.support.schema_drawings`` migrates an empty database and writes docs/schema.md
and docs/schema/*.svg, which a test compares.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from oadb.engine import dsn
from oadb.testing.servers import server
from oadb.tools.migrations.runner import migrate
from tests.support import schema_facts
from tests.support.schema_facts import DrawnColumn, DrawnTable

DOCS = Path(__file__).resolve().parents[2] / "docs"

_WIDTH, _GUTTER, _LINE, _HEAD = 300, 46, 19, 34
_ACROSS = 3
"""Columns of cards in a drawing."""
_STYLE = """\
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #24292f }
.card { fill: #ffffff; stroke: #8c959f }
.head { fill: #ddf4ff; stroke: #8c959f }
.name { font-weight: 600; font-size: 13px }
.dim { fill: #57606a }
.key { font-weight: 600 }
.edge { fill: none; stroke: #8c959f; stroke-width: 1.5 }
"""

_HEADING = """\
# Schema

Drawn from a migrated database by `python -m tests.support.schema_drawings`; a test compares it. A
table is in the room whose statements use it most, which [Contributing](../CONTRIBUTING.md#rooms)
describes. In a drawing, the columns of the primary key are bold; a question mark stands behind
what may be null; an arrow names the table that a foreign key refers to. Partitions are not drawn.
[The whole schema as SQL](../sql/schema.sql) has constraints, indexes, policies and grants.
"""


def files(url: str) -> dict[str, str]:
    """Return the text of each file, by its path below docs, from a migrated database."""
    rooms = schema_facts.by_room(url)
    drawings = {f"schema/{room}.svg": draw(room, tables) for room, tables in rooms.items()}
    return {"schema.md": _page(rooms), **drawings}


def _page(rooms: dict[str, list[DrawnTable]]) -> str:
    return "\n".join([_HEADING, *(_section(room, tables) for room, tables in rooms.items())])


def _section(room: str, tables: Sequence[DrawnTable]) -> str:
    rows = "".join(
        f"| `{table.name}` | {table.fact.comment} | {table.fact.partitioned.lower()} |\n"
        for table in tables
    ).replace("|  |", "| |")
    picture = f"![The tables of {room}](schema/{room}.svg)"
    return f"## {room}\n\n{picture}\n\n| table | holds | partitions |\n| --- | --- | --- |\n{rows}"


def draw(room: str, tables: Sequence[DrawnTable]) -> str:
    """Return the drawing of the tables of a room, those that others refer to first."""
    targets = [column.target for table in tables for column in table.columns]
    ordered = sorted(tables, key=lambda table: (-targets.count(f"oadb.{table.name}"), table.name))
    places, height = _placed(ordered)
    top = 14 + 8 * len({target for target in targets if target.removeprefix("oadb.") in places})
    width, height = _ACROSS * (_WIDTH + _GUTTER) + 2, height + top + 2
    parts = [*_edges(ordered, places), *(_card(table, *places[table.name]) for table in ordered)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{1 - _GUTTER} {-top} {width} {height}" '
        f'width="{width}" height="{height}" role="img">\n'
        f"<title>The tables of {room}</title>\n<style>\n{_STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _placed(tables: Sequence[DrawnTable]) -> tuple[dict[str, tuple[int, int]], int]:
    """Return the corner of each card, each in the column that is shortest, and the height."""
    places: dict[str, tuple[int, int]] = {}
    ends = [0] * _ACROSS
    for table in tables:
        across = ends.index(min(ends))
        places[table.name] = (across * (_WIDTH + _GUTTER), ends[across])
        ends[across] += _height(table) + 24
    return places, max(ends) - 24


def _height(table: DrawnTable) -> int:
    return _HEAD + len(_lines(table)) * _LINE + 8


def _lines(table: DrawnTable) -> list[tuple[str, str, str]]:
    """Return the lines of a card: their style, what is on the left, what is on the right."""
    lines = [_line(column) for column in table.columns]
    if table.fact.partitioned:
        lines.append(("dim", f"partitions: {table.fact.partitioned.lower()}", ""))
    return lines


def _line(column: DrawnColumn) -> tuple[str, str, str]:
    kind = column.type.replace("timestamp with time zone", "timestamptz")
    shown = f"{kind}{'' if column.is_not_null else '?'}"
    arrow = f" → {column.target.removeprefix('oadb.')}" if column.target else ""
    return ("key" if column.is_key else "", f"{column.name}{arrow}", shown)


def _card(table: DrawnTable, x: int, y: int) -> str:
    lines = [
        f'<text x="{x + 10}" y="{y + _HEAD + 15 + number * _LINE}"'
        f' class="{style}">{escape(left)}</text>'
        f'<text x="{x + _WIDTH - 10}" y="{y + _HEAD + 15 + number * _LINE}" class="dim"'
        f' text-anchor="end">{escape(right)}</text>'
        for number, (style, left, right) in enumerate(_lines(table))
    ]
    return (
        f'<g>\n<rect class="card" x="{x}" y="{y}" width="{_WIDTH}" height="{_height(table)}"'
        f' rx="6"/>\n<rect class="head" x="{x}" y="{y}" width="{_WIDTH}" height="26" rx="6"/>\n'
        f'<text class="name" x="{x + 10}" y="{y + 18}">{escape(table.name)}</text>\n'
        + "\n".join(lines)
        + "\n</g>"
    )


def _edges(tables: Sequence[DrawnTable], places: dict[str, tuple[int, int]]) -> Iterator[str]:
    """Yield a line for each foreign key within the room, around the cards: each target has a lane.

    It goes up beside the card, along above all cards, and down to the table that is referred to.
    """
    names = [table.name for table in tables]
    for table in tables:
        x, y = places[table.name]
        for number, column in enumerate(table.columns):
            target = column.target.removeprefix("oadb.")
            if target not in places or target == table.name:
                continue
            to_x, to_y = places[target]
            # The cards that are referred to come first.
            lane = -10 - 8 * names.index(target)
            down = f"H{to_x + 40}V0" if to_y == 0 else f"H{to_x - 14}V{to_y + 13}H{to_x}"
            at = y + _HEAD + 11 + number * _LINE
            yield f'<path class="edge" d="M{x} {at}H{x - 22}V{lane}{down}"/>'


if __name__ == "__main__":
    with server() as chosen, chosen.clone("template1") as url:
        migrate(dsn.parse(url))
        for path, text in files(url).items():
            (DOCS / path).parent.mkdir(exist_ok=True)
            (DOCS / path).write_text(text)
