"""Guards: what a statement may do at most, in the comment above it.

    -- name: report
    -- timeout: 30 s
    -- lock timeout: 100 ms
    -- rows: at most 1000
    -- read only
    -- isolation: serializable
    -- expects: 1 row
    -- deprecated: use list_calls

The server enforces all but the numbers of rows, for this statement alone, in the same round trip.
Other rows than expected are a NoRowError or a TooManyRowsError; a write is rolled back then, for
which its COMMIT waits: one more round trip. A deprecated query warns its callers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from oadb.engine.wire import Begin, SetupStatement
from oadb.errors import NoRowError, TooManyRowsError

Isolation = Literal["read committed", "repeatable read", "serializable"]

_LINE = re.compile(
    r"^(?:(timeout|lock timeout|rows|isolation|expects|deprecated): *(.*)|(read only))$",
    re.MULTILINE,
)
_DURATION = re.compile(r"([1-9]\d*) (ms|s|min)")
_AT_MOST = re.compile(r"at most ([1-9]\d*)")
_EXPECTED = re.compile(r"(at least|at most)? ?(\d+) rows?")
_MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000}
_ISOLATIONS: dict[str, Isolation] = {name: name for name in get_args(Isolation)}

# Results whose number of rows only a guard can promise.
_COUNTED = frozenset({"many", "affected", "nothing"})

# Each keeps the setting of before for RESTORE; of several, the first.
_SET = (
    b"select set_config('oadb.statement_timeout', current_setting('statement_timeout'), true), "
    b"set_config('oadb.lock_timeout', current_setting('lock_timeout'), true), "
    b"set_config('statement_timeout', coalesce($1, current_setting('statement_timeout')), true), "
    b"set_config('lock_timeout', coalesce($2, current_setting('lock_timeout')), true)"
)

RESTORE = SetupStatement(
    b"select set_config('statement_timeout', coalesce("
    b"nullif(current_setting('oadb.statement_timeout', true), ''), "
    b"current_setting('statement_timeout')), true), "
    b"set_config('lock_timeout', coalesce("
    b"nullif(current_setting('oadb.lock_timeout', true), ''), "
    b"current_setting('lock_timeout')), true)"
)
"""Ends the timeouts of a statement within its transaction."""

COMMIT = SetupStatement(b"commit")

READ_ONLY = SetupStatement(b"select set_config('transaction_read_only', 'on', true)")

BEGIN_READ_ONLY = SetupStatement(b"savepoint oadb_read_only")
"""Within a transaction, what is read only ends with its savepoint: it could not be set back."""

END_READ_ONLY = SetupStatement(b"release savepoint oadb_read_only")


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows a statement must return or write; ``most`` None: any number of them."""

    least: int
    most: int | None

    def require(self, label: str, rows: int) -> None:
        """Check a number of rows.

        Raises:
            NoRowError: there are fewer.
            TooManyRowsError: there are more.
        """
        if rows < self.least:
            raise NoRowError(f"{label}: {rows} rows, although it expects {self}")
        if self.most is not None and rows > self.most:
            raise TooManyRowsError(f"{label}: {rows} rows, although it expects {self}")

    def __str__(self) -> str:
        """Return it as it is written."""
        if self.most == self.least:
            return f"{self.least} row" if self.least == 1 else f"{self.least} rows"
        return f"at least {self.least}" if self.most is None else f"at most {self.most}"


@dataclass(frozen=True, slots=True)
class Guards:
    """The limits of a statement; None where it has none.

    Attributes:
        timeout: In milliseconds, as ``lock_timeout``.
        deprecated: What to use instead.
        problems: What is wrong with them.
        lines: As they are written.
    """

    timeout: int | None = None
    lock_timeout: int | None = None
    most_rows: int | None = None
    is_read_only: bool = False
    isolation: Isolation | None = None
    expects: RowCount | None = None
    deprecated: str | None = None
    problems: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def setup(self) -> SetupStatement | None:
        """What sets the timeouts, before the statement."""
        if self.timeout is None and self.lock_timeout is None:
            return None
        limits = (self.timeout, self.lock_timeout)
        return SetupStatement(_SET, tuple(None if n is None else b"%d" % n for n in limits))

    def misfits(self, cardinality: str, *, is_read: bool, is_copy: bool) -> Iterator[str]:
        """Report guards that a statement cannot have.

        Args:
            cardinality: how many rows its declaration promises.
        """
        if self.setup is not None and (is_copy or cardinality == "stream"):
            yield "timeout: a stream or COPY has none; its batches have DB_CALL_DEADLINE"
        if self.most_rows is not None and cardinality != "many":
            yield "rows: only a list has a number of rows to limit"
        if self.is_alone and is_copy:
            yield "read only, isolation: a COPY has none; run it in a transaction"
        elif self.is_read_only and not is_read:
            yield "read only: the statement writes"
        if self.expects is not None and cardinality not in _COUNTED:
            yield "expects: the return annotation says how many rows there are"

    @property
    def begin(self) -> Begin | None:
        """What begins a transaction of the isolation of the statement."""
        if self.isolation is None:
            return None
        return Begin(f"begin isolation level {self.isolation}".encode(), isolation=self.isolation)

    @property
    def setups(self) -> list[SetupStatement]:
        """What is sent before the statement."""
        read_only = READ_ONLY if self.is_read_only else None
        return [each for each in (self.setup, read_only) if each is not None]

    @property
    def ends(self) -> list[SetupStatement]:
        """What is sent after the statement, within a transaction."""
        read_only = END_READ_ONLY if self.is_read_only else None
        restore = None if self.setup is None else RESTORE
        return [each for each in (read_only, restore) if each is not None]

    @property
    def is_alone(self) -> bool:
        """Whether it must be sent alone: what is read only or isolated is a transaction."""
        return self.is_read_only or self.isolation is not None

    @property
    def needs_setup(self) -> bool:
        """Whether something must be sent with the statement."""
        return self.is_alone or self.setup is not None


def read(doc: str) -> Guards:
    """Read the guards in the comment of a statement."""
    found: dict[str, str] = {}
    problems: list[str] = []
    matches = [*_LINE.finditer(doc)]
    for match in matches:
        name = match[1] or match[3]
        if name in found:
            problems.append(f"{name}: it is given twice")
        found[name] = match[2] or ""
    timeout, lock_timeout = (_milliseconds(found.get(key)) for key in ("timeout", "lock timeout"))
    rows = _AT_MOST.fullmatch(found.get("rows", ""))
    guards = Guards(
        timeout,
        lock_timeout,
        int(rows[1]) if rows else None,
        "read only" in found,
        _ISOLATIONS.get(found.get("isolation", "")),
        _row_count(found.get("expects", "")),
        found.get("deprecated"),
        lines=tuple(match[0] for match in matches),
    )
    problems += _problems(found, guards)
    return guards if not problems else Guards(problems=tuple(problems))


def _milliseconds(text: str | None) -> int | None:
    match = _DURATION.fullmatch(text or "")
    return int(match[1]) * _MILLISECONDS[match[2]] if match else None


def _row_count(text: str) -> RowCount | None:
    match = _EXPECTED.fullmatch(text)
    if match is None:
        return None
    number = int(match[2])
    least = 0 if match[1] == "at most" else number
    return RowCount(least, None if match[1] == "at least" else number)


def _problems(found: dict[str, str], guards: Guards) -> Iterator[str]:
    timeout, lock_timeout = guards.timeout, guards.lock_timeout
    for name, value in (("timeout", timeout), ("lock timeout", lock_timeout)):
        if name in found and value is None:
            yield f"{name}: write it like this: -- {name}: 500 ms (or s, min)"
    if timeout is not None and lock_timeout is not None and lock_timeout >= timeout:
        yield "lock timeout: it is not below the timeout, so it would never end a wait"
    if "rows" in found and guards.most_rows is None:
        yield "rows: write it like this: -- rows: at most 1000"
    if "rows" in found and "expects" in found:
        yield "rows: expects says how many there are; one of both is enough"
    if "isolation" in found and guards.isolation is None:
        yield f"isolation: it is one of {', '.join(_ISOLATIONS)}"
    if "expects" in found and guards.expects is None:
        yield "expects: write it like this: -- expects: 1 row (or 5 rows, at least 1 row)"
    if found.get("deprecated") == "":
        yield "deprecated: say what to use instead: -- deprecated: use list_calls"
