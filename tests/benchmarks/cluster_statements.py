"""How a Citus cluster takes each named statement of oadb. Run by hand:

    python tests/benchmarks/cluster_statements.py URL [users.get ...]

URL is that of the coordinator, of a database that is migrated and distributed. Each statement and
each of its variants is planned and run there with sample values, for these and for any values, in
a transaction that is undone. Prints one line for each, and how many there are of each kind:

    router      one shard answers
    reference   only reference tables are read or written
    local       only tables of the coordinator, or none
    copied      its rows are sent to their shards by the coordinator
    fan-out     several shards
    utility     a command that is not planned, such as LOCK or COPY from a client; it is not run
    refused     Citus does not take it; the message says why
    undecided   something else is wrong, such as a sample value; the message says what

The exit code is 1 if one is refused.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql as texts

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.engine.binding.copies import copied_query
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.engine.binding.statements import Statement
from oadb.tools.plans import named_statements
from oadb.tools.plans.sample_values import sample_values

_PLANNED = {"select", "with", "insert", "update", "delete", "copy"}
_TASKS = re.compile(r"Task Count: (\d+)")
_COPIED = "INSERT/SELECT method: pull to coordinator"
# What Citus says when it does not take a statement, when it cannot plan one, and of a function or
# table that workers lack.
_REFUSALS = {"0A000", "XX000", "42883", "42P01"}


@dataclass(frozen=True, slots=True)
class Taken:
    """How a statement was taken: the kind, and what was said of it."""

    label: str
    kind: str
    text: str = ""


def main(url: str, *names: str) -> int:
    """Print how each statement, or those of some names, is taken; return the exit code."""
    found = [*judged(url, names)]
    for each in found:
        print(f"{each.kind:10} {each.label} {each.text}".rstrip())
    for kind, number in Counter(each.kind for each in found).most_common():
        print(f"{number:5} {kind}")
    return int(any(each.kind == "refused" for each in found))


def judged(url: str, names: Sequence[str] = ()) -> Iterator[Taken]:
    """Yield how each statement and each variant is taken."""
    connection = _connection(url)
    distributed = _shard_names(connection)
    for placed in named_statements.every([find("oadb")]):
        if names and placed.statement.label.partition(" ")[0] not in names:
            continue
        yield _judge(connection, placed.statement, distributed)
        if connection.broken:
            time.sleep(3)
            connection = _connection(url)


def _connection(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    connection.execute("set lock_timeout = '2s'; set statement_timeout = '30s'")
    connection.execute("set oadb.brokers = '{}'")  # what live_index.export_rows reads
    return connection


def _shard_names(connection: psycopg.Connection) -> re.Pattern[str]:
    """Return what finds a shard of a distributed table, which is no reference table, in a plan."""
    rows = connection.execute(
        "select split_part(logicalrelid::text, '.', 2) from pg_dist_partition "
        "where partmethod <> 'n'"
    ).fetchall()
    return re.compile(rf"\b(?:{'|'.join(name for (name,) in rows)})_\d{{5,}}\b")


def _judge(
    connection: psycopg.Connection, statement: Declaration, distributed: re.Pattern[str]
) -> Taken:
    asked = copied_query(statement.statement) if statement.is_copy else statement.statement
    given = sample_values(statement, datetime.now(UTC))
    words = statement.statement.words
    if words[0] not in _PLANNED or (words[0] == "copy" and "stdin" in words):
        return Taken(statement.label, "utility")
    try:
        plan = _run_and_explain(connection, asked, given)
    except psycopg.errors.InvalidTextRepresentation:  # an empty text that is read as an array
        plan = _run_and_explain(connection, asked, {})
    except psycopg.Error as error:
        said = (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)
        text = f"[{error.sqlstate}] {'; '.join(each for each in said if each) or error}"
        return Taken(statement.label, "refused" if _is_refusal(error) else "undecided", text)
    tasks = [int(number) for number in _TASKS.findall(plan)]
    if _COPIED in plan:
        kind = "copied"
    elif not tasks:
        kind = "reference" if "Citus" in plan else "local"
    elif max(tasks) > 1:
        kind = "fan-out"
    else:
        kind = "router" if distributed.search(plan) else "reference"
    return Taken(statement.label, kind)


def _run_and_explain(
    connection: psycopg.Connection, statement: Statement, given: Mapping[str, str | None]
) -> str:
    """Run a statement as a service does, and return its plan for the values."""
    values = [given.get(name) for name in statement.params]
    literals = [texts.Literal(each).as_string(connection) for each in values]
    with connection.transaction(force_rollback=True):
        connection.execute("deallocate all")
        connection.execute(b"prepare judged as " + statement.sql)
        types = connection.execute(
            "select unnest(parameter_types)::text from pg_prepared_statements where name = 'judged'"
        ).fetchall()
        _run(connection, "execute judged" + (f"({', '.join(literals)})" if literals else ""))
        # Citus cannot explain an INSERT with a SELECT that has parameters, although it runs it.
        typed = {
            f":{name}": f" ({each}::{kind})"
            for name, each, (kind,) in zip(statement.params, literals, types, strict=True)
        }
        text = "".join(typed.get(each.text, each.text) for each in statement.parts)
        rows = connection.execute(f"explain (verbose, costs off) {text}".encode()).fetchall()
    return "\n".join(line for (line,) in rows)


def _run(connection: psycopg.Connection, execute: str) -> None:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(execute.encode())
    except psycopg.Error as error:  # sample values may violate a constraint
        if _is_refusal(error):
            raise


def _is_refusal(error: psycopg.Error) -> bool:
    # Of an INSERT with a SELECT, a violated check has no code of its own.
    violates = "violates" in (error.diag.message_primary or "")
    return error.sqlstate in _REFUSALS and not violates


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
