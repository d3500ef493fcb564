"""The indexes that comments name are those of the plans, on a database that is filled."""

import re
from collections.abc import Generator, Iterator
from typing import Any

import psycopg
import pytest

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.contract import comparison
from tests.support.shapes import fill_all

pytestmark = pytest.mark.long("fills every table, and plans every statement")

STATEMENTS = {
    declared.label: declared
    for queries in comparison.declarations(find("oadb"))
    for declared in queries
    if not declared.is_copy
}
NAME = re.compile(r"\b[a-z0-9_]+_(?:idx|pkey|key)\b")
_EXPLAINED = ("select", "with", "insert", "update", "delete")
SENTENCE = re.compile(r"\b[Ss]erved by\b(.*?)\.(?:\s|$)", re.DOTALL)


def served_by(declared: Declaration) -> set[str]:
    """Return the indexes that the comment says serve the statement."""
    return {
        name for said in SENTENCE.findall(declared.statement.doc) for name in NAME.findall(said)
    }


@pytest.fixture(scope="module")
def connection(oadb_server: Server, oadb_template: str) -> Generator[psycopg.Connection]:
    """Give a connection to a database with rows in every table."""
    with oadb_server.clone(oadb_template) as url:
        fill_all(url)
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            # As many endpoints as a service has: of one, no index of it is better than another.
            connection.execute(
                "update oadb.api_logs set endpoint = '/api/v1/' || log_id % 50, "
                "status = 200 + log_id % 50"
            )
            connection.execute("vacuum analyze oadb.api_logs")
            if connection.info.server_version < 160000:
                pytest.skip("PostgreSQL 15 cannot explain a generic plan")
            yield connection


@pytest.fixture(scope="module")
def owners(connection: psycopg.Connection) -> dict[str, str]:
    """Give the index of oadb that each one is or is a partition of."""
    return dict(
        connection.execute(
            "select relname, coalesce((select inhparent::regclass::oid::regclass::text "
            "from pg_inherits where inhrelid = pg_class.oid), relname::text) "
            "from pg_class where relkind in ('i', 'I') and relnamespace = 'oadb'::regnamespace"
        ).fetchall()
    )


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what reads an index in a plan, and what looks in one for a conflict."""
    if "Index Name" in plan:
        yield plan
    for arbiter in plan.get("Conflict Arbiter Indexes", ()):
        yield {"Index Name": arbiter}
    for part in plan.get("Plans", ()):
        yield from scans(part)


def indexes(
    connection: psycopg.Connection,
    owners: dict[str, str],
    declared: Declaration,
    *,
    with_condition: bool,
) -> set[str]:
    """Return the indexes in the generic plans of a statement, of all of its variants."""
    found = set[str]()
    for each in declared.variants.values() or [declared]:
        explain = b"explain (generic_plan, costs off, format json) " + each.statement.sql
        (plan,) = connection.execute(explain).fetchone() or ([],)
        found |= {
            owners[scan["Index Name"]].removeprefix("oadb.")
            for scan in scans(plan[0]["Plan"])
            if scan["Index Name"] in owners and (scan.get("Index Cond") or not with_condition)
        }
    return found


@pytest.mark.parametrize("label", [each for each, it in STATEMENTS.items() if served_by(it)])
def test_an_index_that_is_named_is_in_the_plan(
    connection: psycopg.Connection, owners: dict[str, str], label: str
) -> None:
    """Whether it serves is asked, not whether it is cheaper than to read a small table."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local enable_seqscan = off")
        found = indexes(connection, owners, STATEMENTS[label], with_condition=False)

    assert served_by(STATEMENTS[label]) <= found


@pytest.mark.parametrize("label", STATEMENTS)
def test_an_index_that_leads_to_rows_is_named(
    connection: psycopg.Connection, owners: dict[str, str], label: str
) -> None:
    declared = STATEMENTS[label]
    explained = declared.statement.source.lstrip().startswith(_EXPLAINED)
    found = indexes(connection, owners, declared, with_condition=True) if explained else set()

    assert found <= {*NAME.findall(declared.statement.doc)}
