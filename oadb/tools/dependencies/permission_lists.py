"""Which columns a query reads and writes, as PostgreSQL itself has noted them to check privileges.

Where PostgreSQL keeps a query (the body of a function, a view), it keeps with each table what the
role must be allowed: the commands, and the columns that it reads, inserts and updates.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Their order is that of the bits. SELECT FOR UPDATE has the bit of an update, and no columns.
_COMMANDS = ("insert", "select", "update", "delete")

# Of PostgreSQL 16 and newer as a list of its own, of 15 at the end of an entry of the range table.
# Names and texts in a query cannot look like it: what they hold is escaped.
_NOTED = re.compile(
    r":relid (\d+) (?:(?!:relid |:rtekind ).)*?:requiredPerms (\d+) :checkAsUser \d+ "
    r":selectedCols \(b([ \d]*)\) :insertedCols \(b([ \d]*)\) :updatedCols \(b([ \d]*)\)",
    re.DOTALL,
)

# A set of columns begins with the system columns, which have the numbers -6 to -1; 0 is the row.
_FIRST = -7
_SYSTEM = ("tableoid", "cmax", "xmax", "cmin", "xmin", "ctid")


@dataclass(frozen=True, slots=True)
class NotedUse:
    """What a query does with a table; its columns are numbers, as in the sets of PostgreSQL."""

    relation_id: int
    commands: frozenset[str]
    reads: frozenset[int]
    inserts: frozenset[int]
    updates: frozenset[int]


def noted_in(body: str) -> Iterator[NotedUse]:
    """Yield what the query does with each of its tables; one that it names twice has two.

    Args:
        body: a pg_node_tree as text.
    """
    for relation, bits, *columns in _NOTED.findall(body):
        commands = frozenset(each for n, each in enumerate(_COMMANDS) if int(bits) & 1 << n)
        if commands:
            reads, inserts, updates = (frozenset(map(int, each.split())) for each in columns)
            yield NotedUse(int(relation), commands, reads, inserts, updates)


def column_names(numbers: frozenset[int], columns: Sequence[str]) -> frozenset[str]:
    """Return the names of the columns with these numbers; a row is all of its columns.

    Args:
        columns: those of the table in order, with '' for one that was dropped.
    """
    found = set[str]()
    for number in (each + _FIRST for each in numbers):
        if number == 0:
            found |= {name for name in columns if name}
        else:
            found.add(columns[number - 1] if number > 0 else _SYSTEM[number])
    return frozenset(found)
