"""What libpq takes alone: the floor of everything that is built on it.

Answers stay texts in libpq's result, of which the values are read; rows are sent as text that was
made before.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

from oadb.engine import dsn
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.entrants import BLOCKING, Entrant, Entrants, repeated
from tests.benchmarks.contest.questions import (
    COPY,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

LIBPQ = "libpq alone"
_BLOCK = 1 << 17
_STATEMENTS = {
    b"get": trades.GET.format("$1"),
    b"list": trades.LIST.format("$1"),
    b"set": trades.SET.format("$1", "$2"),
    b"begin": "begin",
    b"commit": "commit",
}
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


@contextmanager
def entrants(url: str, empty: Callable[[], object]) -> Generator[Entrants]:
    """Give them, over one connection in blocking mode."""
    info = " ".join(f"{name}='{value}'" for name, value in dsn.parse(url).keywords.items())
    connection = pq.PGconn.connect(info.encode())
    for name, text in _STATEMENTS.items():
        connection.prepare(name, text.encode())

    def run(name: bytes, *values: object) -> PGresult:
        result = connection.exec_prepared(name, [str(value).encode() for value in values])
        if result.status not in _FINE:
            raise AssertionError(result.error_message)
        return result

    def in_transaction(key: int) -> object:
        found = _burst(connection, (b"begin", []), (b"get", [str(key).encode()]))
        run(b"commit")
        return _read(found)

    works: dict[str, Callable[[int], object]] = {
        LOOKUP: lambda key: _read(run(b"get", key)),
        TRANSACTION: in_transaction,
        UPDATE: lambda key: run(b"set", "seen", key).command_tuples,
        ROWS_100: lambda _: _read(run(b"list", trades.HUNDRED)),
        ROWS_MANY: lambda _: _read(run(b"list", trades.MANY)),
    }
    found = {key: [Entrant(LIBPQ, BLOCKING, repeated(work))] for key, work in works.items()}
    sent = _rendered()
    copy = repeated(lambda _: _copy(connection, sent))
    yield {**found, COPY: [Entrant(f"{LIBPQ}, text made before", BLOCKING, copy, empty)]}
    connection.finish()


def _read(result: PGresult) -> list[list[bytes | None]]:
    """Return all values of a result."""
    across = range(result.nfields)
    return [[result.get_value(row, column) for column in across] for row in range(result.ntuples)]


def _burst(connection: PGconn, *statements: tuple[bytes, list[bytes]]) -> PGresult:
    """Send statements without waiting between them; return the result of the last."""
    connection.enter_pipeline_mode()
    for name, values in statements:
        connection.send_query_prepared(name, values)
    connection.pipeline_sync()
    last: PGresult | None = None
    for _ in statements:
        last = connection.get_result()
        connection.get_result()  # the end of this statement
    connection.get_result()  # the end of the burst
    connection.exit_pipeline_mode()
    if last is None or last.status not in _FINE:
        raise AssertionError(connection.error_message)
    return last


def _rendered() -> bytes:
    """Return the rows of the COPY as the text that it sends."""
    return b"".join(
        "\t".join(map(_text, row)).encode() + b"\n" for row in trades.values(trades.COPIED)
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return "\\N" if value is None else str(value)


def _copy(connection: PGconn, lines: bytes) -> int:
    connection.exec_(trades.COPY.encode())
    for start in range(0, len(lines), _BLOCK):
        connection.put_copy_data(lines[start : start + _BLOCK])
    connection.put_copy_end()
    result = connection.get_result()
    connection.get_result()
    if result is None or result.status not in _FINE:
        raise AssertionError(connection.error_message)
    return result.command_tuples or 0
