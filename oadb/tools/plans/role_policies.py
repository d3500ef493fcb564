"""Which roles a server has, and what row-level security asks of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools import catalog

query = queries(__name__)

IDENTITY_ROLE = "oadb_user"
"""The role of an identity, which sees nothing without one."""


@dataclass(frozen=True, slots=True)
class BoundRole:
    """A role, a table, as ``schema.name``, and the policies that bind the role there."""

    role_name: str
    table_name: str
    policies: str


@query
def _list_policies(roles: list[str]) -> list[BoundRole]: ...


@query
def _has_identity() -> bool: ...


query.complete()


@dataclass(frozen=True, slots=True)
class RolePolicies:
    """The policies of each role that the server has, by ``schema.name`` of tables."""

    of_role: Mapping[str, Mapping[str, str]]

    def differ(self, one: str | None, other: str, tables: frozenset[str]) -> bool:
        """Say whether two roles are bound by other policies in some of the tables.

        Args:
            one: None is a superuser, whom no policy binds.
        """
        ours = {} if one is None else self.of_role.get(one, {})
        theirs = self.of_role.get(other, {})
        return any(ours.get(table) != theirs.get(table) for table in tables)


def read(db: Runner, roles: Sequence[str]) -> RolePolicies:
    """Read the policies of roles; of those that the server lacks there are none.

    The role of an identity is left out where nobody can take one.
    """
    found: dict[str, dict[str, str]] = {each.name: {} for each in catalog.list_roles(db, [*roles])}
    if IDENTITY_ROLE in found and not _has_identity(db):
        del found[IDENTITY_ROLE]
    for each in _list_policies(db, [*found]):
        found[each.role_name][each.table_name] = each.policies
    return RolePolicies(found)
