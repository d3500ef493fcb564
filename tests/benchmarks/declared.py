"""Queries that only the benchmarks use, and generated ones to time the binding."""

from collections.abc import Iterable, Iterator

from oadb.accounts.users import User
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse

_SQL = """
-- name: list_first
select
    user_id, username, email, first_name, last_name, is_admin, auth_epoch, created_at, updated_at
from oadb.users
order by user_id
limit :most;

-- name: load
copy oadb.users (username, email) from stdin;
"""

query = Queries("benchmarks", parse(_SQL, "benchmarks", "declared.py"))


@query
def list_first(most: int) -> Iterator[User]: ...


@query
def load(rows: Iterable[tuple[str, str]]) -> Affected: ...


query.complete()


_GENERATED_SQL = """
-- name: find_{number}
-- One of the queries whose binding is timed.
select
    user_id, username, email, first_name, last_name, is_admin, auth_epoch, created_at, updated_at
from oadb.users
where lower(email) = lower(:email) and created_at > :since
order by user_id
limit :most;
"""

_GENERATED_MODULE = """
@query
def find_{number}(email: str, since: datetime, most: int = 10) -> list[User]: ...
"""


def generated(number: int) -> tuple[str, str]:
    """Return an SQL file and the source of a module with this number of queries."""
    texts = (_GENERATED_SQL, _GENERATED_MODULE)
    sql, module = ("".join(text.format(number=n) for n in range(number)) for text in texts)
    return sql, module
