"""The time of an import in a new interpreter, and of binding twenty queries."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median

from oadb.accounts.users import User
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from tests.benchmarks.conditions import table
from tests.benchmarks.declared import generated
from tests.benchmarks.rounds import seconds

_TIMES = 15
_QUERIES = 20
_ROOT = Path(__file__).resolve().parents[2]

_PROGRAM = "import {before}\nfrom time import perf_counter\nstarted = perf_counter()\n"
_PROGRAM += "import {module}\nprint(perf_counter() - started)"

# The import that is timed, and the modules imported before it.
_IMPORTS = [
    ("psycopg", "sys"),
    ("psycopg_pool", "psycopg"),
    ("argon2", "psycopg"),
    ("oadb", "sys"),
    ("oadb", "psycopg"),
    ("oadb.accounts.users", "sys"),
    ("oadb.accounts.users", "psycopg"),
    ("oadb.engine.database", "psycopg, psycopg_pool"),
    ("oadb.engine.database, oadb.accounts.users", "psycopg, psycopg_pool, argon2"),
    ("sqlalchemy.orm", "psycopg"),
]


def main() -> None:
    print("\n## Imports and declarations\n")
    print(f"Median of {_TIMES} fresh interpreters each, in turn; then of {_TIMES} bindings.")
    spent: dict[tuple[str, str], list[float]] = {pair: [] for pair in _IMPORTS}
    for _ in range(_TIMES):
        for pair, taken in spent.items():
            taken.append(_import(*pair))
    base = median(spent["psycopg", "sys"])
    table(
        ["import", "already imported", "ratio to psycopg", "ms"],
        (
            [module, before.replace("sys", ""), *_figures(median(taken), base)]
            for (module, before), taken in spent.items()
        ),
    )
    table(
        [f"{_QUERIES} queries", "ratio to import psycopg", "ms"],
        ([name, *_figures(taken, base)] for name, taken in _binding()),
    )


def _figures(taken: float, base: float) -> list[str]:
    return [f"{taken / base:.2f}", f"{taken * 1000:.1f}"]


def _import(module: str, before: str) -> float:
    """Return the seconds of one import; the first run compiles the bytecode."""
    answer = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(module=module, before=before)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])},
    )
    return float(answer.stdout)


def _binding() -> list[tuple[str, float]]:
    sql, source = generated(_QUERIES)
    code = compile(source, "generated", "exec")

    def declared() -> Queries:
        query = Queries("generated", parse(sql, "generated", "generated.sql"))
        exec(code, {"query": query, "datetime": datetime, "User": User, "__name__": "generated"})
        return query

    return [
        ("read and split the SQL", _median(lambda: parse(sql, "generated", "generated.sql"))),
        ("the same, and declare", _median(declared)),
        ("the same, and complete()", _median(lambda: declared().complete())),
    ]


def _median(work: Callable[[], object]) -> float:
    return median(seconds(work) for _ in range(_TIMES))
