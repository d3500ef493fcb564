"""A prepared statement of one connection: how its values are sent, and its rows are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import pq
from psycopg.adapt import PyFormat, Transformer

from oadb.engine import result_formats
from oadb.engine.binding.dumpers import Sent

# Rows from which on they are made together, not one by one.
_MANY = 8

# Rows made together: few enough that their tuples are gone before Python looks for garbage in them.
_CHUNK = 128


@dataclass(slots=True)
class PreparedStatement:
    """A prepared statement of one connection: its name there, and psycopg's converters.

    Attributes:
        result_format: In which its results are asked for.
        loaders: The format that psycopg's loaders read; None: they were not chosen yet.
    """

    label: bytes
    converters: Any
    name: bytes = b""
    tries: int = 0
    parsed: bool = False
    result_format: pq.Format = pq.Format.TEXT
    loaders: pq.Format | None = None

    @classmethod
    def new(cls, connection: Any, name: str) -> "PreparedStatement":
        """Return a statement that *connection* has not parsed yet."""
        return cls(name.encode(), Transformer(Sent(connection)))

    def rename(self) -> None:
        """Take a new name: the server may have parsed the one before, if that was interrupted."""
        self.tries += 1
        self.name = self.label if self.tries == 1 else b"%d.%s" % (self.tries, self.label)

    def dump(self, params: tuple[Any, ...]) -> Any:
        """Return *params* in the form that libpq takes.

        Raises:
            UnicodeEncodeError: a text that UTF-8 cannot represent; the error quotes it.
            psycopg.DataError: another value that cannot be sent; the error quotes it.
        """
        return self.converters.dump_sequence(params, [PyFormat.AUTO] * len(params))

    def send(self, pgconn: Any, values: Any) -> None:
        """Hand libpq a call of it, which the server has parsed."""
        pgconn.send_query_prepared(
            self.name,
            values,
            param_formats=self.converters.formats,
            result_format=self.result_format,
        )

    def load(
        self, result: Any, make: Callable[[Any], Any], make_all: Callable[[list[Any]], list[Any]]
    ) -> list[Any]:
        """Return the rows of *result*, made by *make* of the values of one, or by *make_all*.

        The columns of a prepared statement never change, so their converters are chosen once for
        each format. In a burst, results may still be texts after the first one was looked at.
        """
        converters, count = self.converters, result.ntuples
        form = result.fformat(0)
        is_new = not self.parsed or self.loaders != form
        converters.set_pgresult(result, set_loaders=is_new)
        if is_new:
            self.loaders = form
            if self.parsed:
                self.result_format = result_formats.of(result)
        if count < _MANY:
            rows: list[Any] = converters.load_rows(0, count, make)
        else:
            rows = make_all(converters.load_rows(0, min(count, _CHUNK), tuple))
            for first in range(_CHUNK, count, _CHUNK):
                last = min(first + _CHUNK, count)
                rows += make_all(converters.load_rows(first, last, tuple))
        # Releases the result, which may be large; otherwise it is kept until the next call.
        converters.set_pgresult(None, set_loaders=False)
        return rows
