"""Grants compared with what the statements of each role need.

What a statement needs is what PostgreSQL would check: of each table the commands, and the columns
that it reads, inserts and updates. What the owner of a view reads through it is no need of the
role. Which role runs which statement stands in ``uses.toml``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from oadb.tools.dependencies.used_objects import Grant, Membership
from oadb.tools.dependencies.uses import AskedStatement, NotAsked, TableUse

PUBLIC = "public"

# Privileges of which uses tell whether they are needed; not references, trigger, maintain.
_DERIVED = frozenset({"select", "insert", "update", "delete"})


def needs(role: str, asked: AskedStatement) -> Iterator[Grant]:
    """Yield what a role needs for a statement.

    A command without columns, such as a count or a lock of rows, needs any column; its column is
    then ''.
    """
    if isinstance(asked.uses, NotAsked):
        return
    for use in asked.uses.tables:
        if use.by_owner:
            continue
        for command in sorted(use.commands):
            for column in sorted(_columns(use, command)) or [""]:
                yield Grant(role, use.table, command, column)


def _columns(use: TableUse, command: str) -> frozenset[str]:
    sets = {"select": use.reads, "insert": use.inserts, "update": use.updates}
    return sets.get(command, frozenset())


def missing(
    schemas: Collection[str],
    runs: Mapping[str, Sequence[AskedStatement]],
    grants: Iterable[Grant],
    memberships: Iterable[Membership],
) -> Iterator[tuple[Grant, str]]:
    """Yield the grants that roles lack, each once, with the label of a statement that needs it.

    Args:
        schemas: those whose tables are checked: what is in pg_catalog is for everybody.
        runs: of each role, its statements.
    """
    held, seen = _Held(grants, memberships), set[Grant]()
    for role, statements in runs.items():
        for each in statements:
            for need in needs(role, each):
                is_ours = need.schema_name in schemas
                if is_ours and need not in seen and not held.allows(need):
                    yield need, each.declared.label
                seen.add(need)


def needless(
    runs: Mapping[str, Sequence[AskedStatement]], grants: Iterable[Grant]
) -> Iterator[Grant]:
    """Yield the grants to these roles that none of their statements needs.

    A grant on a whole table is needed if any column of it is.
    """
    needed = {
        need
        for role, statements in runs.items()
        for each in statements
        for need in needs(role, each)
    }
    by_name = {_key(need) for need in needed if need.column_name}
    somewhere = {_key(need) for need in needed}
    for grant in grants:
        if grant.role_name not in runs:
            continue
        if grant.privilege == "truncate" and not _may_truncate(grant, runs):
            yield grant
        if grant.privilege not in _DERIVED:
            continue
        # Where no column is named, any of them serves.
        serves_any = not grant.column_name or _key(grant) not in by_name
        if grant not in needed and not (serves_any and _key(grant) in somewhere):
            yield grant


def _may_truncate(grant: Grant, runs: Mapping[str, Sequence[AskedStatement]]) -> bool:
    """Say whether a statement of the role may be what truncates the table: it is never asked."""
    not_asked = (each.uses for each in runs[grant.role_name] if isinstance(each.uses, NotAsked))
    return any(grant.table_name in each.names for each in not_asked)


def as_statements(needed: Iterable[Grant]) -> Iterator[str]:
    """Yield the needs of roles as GRANT statements, one for each role and table, in order."""
    tables: dict[tuple[str, str], dict[str, set[str]]] = {}
    for each in needed:
        privileges = tables.setdefault((each.role_name, each.table_name), {})
        privileges.setdefault(each.privilege, set()).add(each.column_name)
    for (role, table), privileges in sorted(tables.items()):
        listed = ", ".join(_listed(name, columns) for name, columns in sorted(privileges.items()))
        yield f"grant {listed} on {table} to {role};"


def _listed(privilege: str, columns: Collection[str]) -> str:
    named = sorted(each for each in columns if each)
    return f"{privilege} ({', '.join(named)})" if named else privilege


def _key(grant: Grant) -> tuple[str, str, str]:
    return grant.role_name, grant.table_name, grant.privilege


class _Held:
    """What roles may do, also as members of others and as everybody."""

    def __init__(self, grants: Iterable[Grant], memberships: Iterable[Membership]) -> None:
        self._grants = {*grants}
        self._somewhere = {_key(each) for each in self._grants}
        self._roles: dict[str, list[str]] = {}
        for each in memberships:
            self._roles.setdefault(each.role_name, []).append(each.inherited_name)

    def allows(self, need: Grant) -> bool:
        for role in (need.role_name, PUBLIC, *self._roles.get(need.role_name, ())):
            own = Grant(role, need.table_name, need.privilege, need.column_name)
            whole = Grant(role, need.table_name, need.privilege, "")
            if own in self._grants or whole in self._grants:
                return True
            if not need.column_name and _key(whole) in self._somewhere:
                return True
        return False
