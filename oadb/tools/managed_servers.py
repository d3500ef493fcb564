"""Managed servers: who may do there what a superuser does elsewhere, and where settings are."""

from collections.abc import Mapping
from dataclasses import dataclass

from oadb.engine.executors import Runner
from oadb.tools import catalog


@dataclass(frozen=True, slots=True)
class Administration:
    """Who administers a server, as hints name it.

    Attributes:
        who: The role that may do most.
        place: Where settings of the server are changed; empty: in SQL.
    """

    who: str = "a superuser"
    place: str = ""

    def change(self, setting: str) -> str:
        """Return what changes a *setting* of the server, such as ``set jit = off``."""
        return f"{setting} {self.place}" if self.place else f"alter system {setting}"


# By a role that is on no other server.
_MANAGED: Mapping[str, Administration] = {
    "alloydbsuperuser": Administration(
        "a member of alloydbsuperuser", "as a flag of the instance of AlloyDB"
    ),
    "cloudsqlsuperuser": Administration(
        "a member of cloudsqlsuperuser", "as a flag of the instance of Cloud SQL"
    ),
    "neon_superuser": Administration(
        "a member of neon_superuser", "for the database or the role, as far as Neon lets you"
    ),
    "rds_superuser": Administration(
        "a member of rds_superuser", "in the parameter group of the instance or cluster"
    ),
    "supabase_admin": Administration(
        "the role postgres", "in the database settings of the project at Supabase"
    ),
}


def find(db: Runner) -> Administration:
    """Say who administers the server of *db*."""
    found = [_MANAGED[role.name] for role in catalog.list_roles(db, [*_MANAGED])]
    return found[0] if found else Administration()
