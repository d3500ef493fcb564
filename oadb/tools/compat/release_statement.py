"""A statement of a release, and what may go wrong with it on another schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from oadb.tools.compat.release_probe import ToldStatement
from oadb.tools.compat.written_rows import Write, words, writes


@dataclass(frozen=True, slots=True)
class ReleaseStatement:
    """A declared statement, or a variant of one.

    Attributes:
        label: Its name, as in logs; that of a variant has its arguments behind it.
        where: Where it is declared and where it stands: ``shop.orders:31 and sql/...:14``.
        package: The name of its package.
        sql: As it is sent, with $1 for its first parameter.
        code: Its words in lower case, between blanks, to look for names.
        optional: Of each parameter, whether it may be null.
        choices: The texts that a column of its result may have, if the class lists them.
        behind: The tables behind the views that it names.
    """

    label: str
    where: str
    package: str
    sql: str
    code: str
    writes: tuple[Write, ...]
    optional: Sequence[bool]
    choices: Mapping[str, Sequence[str]]
    behind: frozenset[str] = frozenset()

    @classmethod
    def of(cls, told: ToldStatement) -> "ReleaseStatement":
        """Return the statement that a release told of."""
        return cls(
            label=told["label"],
            where=f"{told['place']} and {told['path']}:{told['line']}",
            package=told["place"].partition(":")[0].partition(".")[0],
            sql=told["sql"],
            code=f" {' '.join(words(told['sql']))} ",
            writes=writes(told["sql"]),
            optional=told["optional"],
            choices=told["choices"],
        )

    @property
    def name(self) -> str:
        """Its label without the arguments of a variant."""
        return self.label.partition(" ")[0]

    def through(self, views: Mapping[str, frozenset[str]]) -> "ReleaseStatement":
        """Return the statement with what it does to views done to the tables behind them, too."""
        named = [view for view in views if self.says(view)]
        writes = [
            replace(write, table=table)
            for write in self.writes
            for table in views.get(write.table, ())
        ]
        behind = frozenset(table for view in named for table in views[view])
        return replace(self, writes=(*self.writes, *writes), behind=behind)

    def says(self, name: str) -> bool:
        """Say whether a table, view or function stands in its text; the name has its schema."""
        return f" {name.replace('.', ' . ', 1)} " in self.code

    def uses(self, table: str) -> bool:
        """Say whether it names a table, or a view of it."""
        return table in self.behind or self.says(table)

    def names(self, table: str, column: str) -> bool:
        """Say whether it names the table, and the column or another one of that name."""
        return self.uses(table) and f" {column} " in self.code

    def written(self, table: str, *kinds: str) -> list[Write]:
        """Return what it writes into a table, of these kinds."""
        return [each for each in self.writes if each.table == table and each.kind in kinds]


@dataclass(frozen=True, slots=True)
class StatementFault:
    """What goes wrong with a statement: the place, what is the matter, and what to do.

    ``label`` is empty where a fault is that of a file and not of a statement.
    """

    label: str
    where: str
    text: str
    advice: str = ""

    @property
    def name(self) -> str:
        """The name of the statement without the arguments of a variant."""
        return self.label.partition(" ")[0]
