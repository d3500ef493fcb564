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


query.complete()


@dataclass(frozen=True, slots=True)
class RolePolicies:
    """The policies of each role that the server has, by ``schema.name`` of tables."""

    of_role: Mapping[str, Mapping[str, str]]

    def _of(self, role: str | None) -> Mapping[str, str]:
        return {} if role is None else self.of_role.get(role, {})

    def differ(self, one: str | None, other: str, tables: frozenset[str]) -> bool:
        """Say whether two roles are bound by other policies in some of the tables.

        Args:
            one: None is a superuser, whom no policy binds.
        """
        ours, theirs = self._of(one), self._of(other)
        return any(ours.get(table) != theirs.get(table) for table in tables)


def read(db: Runner, roles: Sequence[str]) -> RolePolicies:
    """Read the policies of roles; those that the server lacks are left out."""
    found: dict[str, dict[str, str]] = {each.name: {} for each in catalog.list_roles(db, [*roles])}
    for each in _list_policies(db, [*found]):
        found[each.role_name][each.table_name] = each.policies
    return RolePolicies(found)
