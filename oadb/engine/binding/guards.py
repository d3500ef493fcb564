"""Guards: limits of a statement, in the comment above it.

    -- name: report
    -- timeout: 30 s
    -- lock timeout: 100 ms
    -- rows: at most 1000
    -- deprecated: use list_calls

The server enforces the timeouts, for this statement alone; they are set in the same round trip, and
the call waits as long. More rows are a TooManyRowsError. A deprecated query warns its callers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from oadb.engine.wire import SetupStatement

_LINE = re.compile(r"^(timeout|lock timeout|rows|deprecated): *(.*)$", re.MULTILINE)
_DURATION = re.compile(r"([1-9]\d*) (ms|s|min)")
_AT_MOST = re.compile(r"at most ([1-9]\d*)")
_MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000}

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


@dataclass(frozen=True, slots=True)
class Guards:
    """The limits of a statement; None where it has none.

    Attributes:
        timeout: In milliseconds, as ``lock_timeout``.
        deprecated: What to use instead.
        problems: What is wrong with them.
    """

    timeout: int | None = None
    lock_timeout: int | None = None
    most_rows: int | None = None
    deprecated: str | None = None
    problems: tuple[str, ...] = ()

    @property
    def setup(self) -> SetupStatement | None:
        """What is sent before the statement."""
        if self.timeout is None and self.lock_timeout is None:
            return None
        limits = (self.timeout, self.lock_timeout)
        return SetupStatement(_SET, tuple(None if n is None else b"%d" % n for n in limits))


def read(doc: str) -> Guards:
    """Read the guards in the comment of a statement."""
    found: dict[str, str] = {}
    problems: list[str] = []
    for name, text in _LINE.findall(doc):
        if name in found:
            problems.append(f"{name}: it is given twice")
        found[name] = text
    timeout, lock_timeout = (_milliseconds(found.get(key)) for key in ("timeout", "lock timeout"))
    rows = _AT_MOST.fullmatch(found.get("rows", ""))
    problems += _problems(found, timeout, lock_timeout, has_rows=rows is not None)
    return Guards(
        timeout,
        lock_timeout,
        int(rows[1]) if rows else None,
        found.get("deprecated"),
        tuple(problems),
    )


def _milliseconds(text: str | None) -> int | None:
    match = _DURATION.fullmatch(text or "")
    return int(match[1]) * _MILLISECONDS[match[2]] if match else None


def _problems(
    found: dict[str, str], timeout: int | None, lock_timeout: int | None, *, has_rows: bool
) -> Iterator[str]:
    for name, value in (("timeout", timeout), ("lock timeout", lock_timeout)):
        if name in found and value is None:
            yield f"{name}: write it like this: -- {name}: 500 ms (or s, min)"
    if timeout is not None and lock_timeout is not None and lock_timeout >= timeout:
        yield "lock timeout: it is not below the timeout, so it would never end a wait"
    if "rows" in found and not has_rows:
        yield "rows: write it like this: -- rows: at most 1000"
    if found.get("deprecated") == "":
        yield "deprecated: say what to use instead: -- deprecated: use list_calls"
