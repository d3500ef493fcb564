"""What psycopg takes to read a value of each type from its text, and from its binary form.

python tests/benchmarks/result_forms.py

The figures of ``oadb/engine/result_formats.py`` are differences of those of 100 rows.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import psycopg
from psycopg.adapt import Transformer

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb.engine.binding.dumpers import Sent
from tests.benchmarks import conditions
from tests.benchmarks.rounds import Variant, measure

_CALLS = {1: 2000, 100: 100, 10_000: 2}

_TYPES = {
    "int2": "(n % 30000)::int2",
    "int4": "n::int4",
    "int8": "n * 1000003::int8",
    "float8": "n / 7.0::float8",
    "numeric": "n * 123.45::numeric",
    "bool": "n % 2 = 0",
    "text": "'SYMBOL ' || n",
    "bytea": "decode(md5(n::text), 'hex')",
    "date": "date '2020-01-01' + n % 1000",
    "timestamptz": "timestamptz '2020-01-01 00:00+00' + n * interval '1 h 1 us'",
    "time": "time '00:00' + n * interval '1 s'",
    "uuid": "md5(n::text)::uuid",
    "jsonb": "jsonb_build_object('a', n, 'b', 'x')",
}


def main() -> None:
    """Print a line for each type, and for arrays of three values."""
    arrays = {f"{name}[]": f"array[{value}, {value}, {value}]" for name, value in _TYPES.items()}
    rows: list[list[str]] = []
    with conditions.database() as url, psycopg.connect(url) as connection:
        for name, value in (_TYPES | arrays).items():
            rows.append([name, *(_cell(connection, value, count) for count in _CALLS)])
    head = ["ns a value, text / binary", *(f"{count:,} rows" for count in _CALLS)]
    conditions.table(head, rows)


def _cell(connection: psycopg.Connection, value: str, count: int) -> str:
    sql = f"select {value} from generate_series(1, {count}) as n"
    forms = [Variant(str(form), _reading(connection, sql, form, count)) for form in (0, 1)]
    measure(forms, rounds=9, calls=_CALLS[count])
    text, binary = (each.microseconds * 1e3 / count for each in forms)
    return f"{text:.0f} / {binary:.0f}"


def _reading(
    connection: psycopg.Connection, sql: str, form: int, count: int
) -> Callable[[int], float]:
    result = connection.pgconn.exec_params(sql.encode(), [], result_format=form)
    converters = Transformer(Sent(connection))
    converters.set_pgresult(result, set_loaders=True)

    def run(calls: int) -> float:
        began = process_time()
        for _ in range(calls):
            converters.set_pgresult(result, set_loaders=False)
            converters.load_rows(0, count, tuple)
            converters.set_pgresult(None, set_loaders=False)
        return process_time() - began

    return run


if __name__ == "__main__":
    conditions.pin()
    conditions.run("Forms of results", {"types": main}, sys.argv[1:])
