"""What the statements of a release use, as PostgreSQL tells it, and which roles run them.

Which role runs which statement stands in the ``sql/uses.toml`` of that release.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from oadb.engine.binding.lexer import tokens
from oadb.engine.binding.packages import Package
from oadb.engine.binding.statements import Statement
from oadb.engine.dsn import Dsn, reachable
from oadb.tools.compat.release_statement import ReleaseStatement
from oadb.tools.dependencies import statement_uses, usage_file
from oadb.tools.dependencies.usage_file import RoleStatements
from oadb.tools.dependencies.uses import StatementUses, TableUse


@dataclass(frozen=True, slots=True)
class StatementRoles:
    """Of the statements of a release, what each uses and who runs it.

    Attributes:
        uses: By label; a statement that PostgreSQL tells nothing of is missing.
        roles: Of each package with such a file, its roles.
    """

    uses: Mapping[str, Sequence[TableUse]]
    roles: Mapping[str, Mapping[str, RoleStatements]]

    def runs(self, role: str, statement: ReleaseStatement) -> bool:
        """Say whether a role may run a statement; a role that no file names may run any."""
        known = self.roles.get(statement.package, {}).get(role)
        return known is None or known.includes(statement.name)

    def running(self, statement: ReleaseStatement) -> list[str]:
        """Return the roles that are known to run a statement."""
        known = self.roles.get(statement.package, {})
        return [role for role, each in known.items() if each.includes(statement.name)]

    def needed(
        self, statement: ReleaseStatement, table: str
    ) -> list[tuple[str, str | None]] | None:
        """Return the privileges that a statement needs on a table, each with a column or None.

        None: PostgreSQL did not tell. What the owner of a view reads is no need of the role.
        """
        uses = self.uses.get(statement.label)
        if uses is None:
            return None
        own = (each for each in uses if each.table == table and not each.by_owner)
        return [*dict.fromkeys(need for use in own for need in _needs(use))]


def _needs(use: TableUse) -> Iterator[tuple[str, str | None]]:
    columns = {"select": use.reads, "insert": use.inserts, "update": use.updates}
    for command in sorted(use.commands):
        named = sorted(columns.get(command, ()))
        yield from ((command, each) for each in named)
        if not named:
            yield command, None


def ask(
    target: Dsn, statements: Sequence[ReleaseStatement], folders: Mapping[str, Path]
) -> StatementRoles:
    """Ask a database what statements use, and read which roles run them; nothing is run or kept.

    Args:
        folders: of each package, its folder with SQL.

    Raises:
        ConfigError: a ``uses.toml`` is not valid.
    """
    uses: dict[str, Sequence[TableUse]] = {}
    with reachable(target) as dsn:
        for package, group in groupby(statements, lambda each: each.package):
            own = [*group]
            answers = statement_uses.ask_statements(
                dsn, package, [_statement(each) for each in own]
            )
            for each, answer in zip(own, answers, strict=True):
                if isinstance(answer, StatementUses):
                    uses[each.label] = answer.tables
    roles = {
        name: usage_file.read(Package(name, folder, folder.name)).roles
        for name, folder in folders.items()
    }
    return StatementRoles(uses, roles)


def _statement(each: ReleaseStatement) -> Statement:
    """Return a statement as it is sent, with $1 for its first parameter."""
    module, _, name = each.name.rpartition(".")
    return Statement(module, name, each.where, 1, "", tuple(tokens(each.sql)), ())
