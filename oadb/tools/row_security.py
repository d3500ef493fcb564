"""Whether row-level security stands on every table of oadb, and on those of users of services."""

from collections.abc import Iterator
from dataclasses import dataclass

from oadb.engine.binding.queries import queries

query = queries(__name__)

_SECURE = "as the owner: call oadb.secure_user_tables();"


@dataclass(frozen=True, slots=True)
class Wall:
    """A table and its row-level security.

    Attributes:
        is_listed: Whether ``oadb.user_tables`` lists it, if it has rows of users.
        is_forced: Whether row-level security binds its owner too.
        missing_policies: Those of ``oadb.wanted_policies`` that it has not, or for other roles.
        wide_policies: Policies that show more than they should, or to more roles.
        is_open_to_us: Whether a policy shows this role every row.
    """

    name: str
    is_listed: bool
    is_there: bool
    is_forced: bool
    missing_policies: list[str]
    wide_policies: list[str]
    is_open_to_us: bool


@dataclass(frozen=True, slots=True)
class UnlistedPrivilege:
    """What a role may do with a table although ``oadb.role_privileges`` does not say so."""

    name: str
    role_name: str
    privileges: str


@query
def list_walls() -> list[Wall]: ...


@query
def list_unlisted_privileges() -> list[UnlistedPrivilege]: ...


query.complete()


def faults(table: Wall) -> Iterator[str]:
    """Yield what of its row-level security does not stand, each with what to do."""
    if not table.is_there:
        yield f"{table.name} is in oadb.user_tables and does not exist: delete that row"
    elif not table.is_listed:
        yield (
            f"{table.name} has a column user_id and is not in oadb.user_tables: insert it there, "
            "then call oadb.renew_privileges();"
        )
    elif not table.is_forced:
        yield f"not forced on {table.name}: {_SECURE}"
    elif table.missing_policies:
        yield f"no policy {', '.join(table.missing_policies)} on {table.name}: {_SECURE}"
    if table.wide_policies:
        yield (
            f"{', '.join(table.wide_policies)} on {table.name} shows users rows of others: drop "
            f"the policy, and {_SECURE}"
        )
