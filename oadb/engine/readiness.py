"""Whether the database answers, and fits this service: what ``ping`` and ``ready`` do.

Both answer and never raise because of the database, so that a probe is a few lines:

    if not db.ping():
        ...
    for finding in db.ready().findings:
        print(finding)

What a service needs beyond an answer is said by packages, by entry points of the group
``oadb.readiness``: mappings of subjects to checks, which take an executor and the configuration,
and return findings. The engine knows no table; those of oadb are in oadb/tools/service_checks.py.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from time import monotonic
from typing import Any, cast

import psycopg

from oadb.engine import failures, wire
from oadb.engine.config import Config
from oadb.engine.deadlines import expected
from oadb.engine.driver import Driver
from oadb.engine.executors import AsyncExecutor
from oadb.engine.pool.connection_pool import Pool
from oadb.errors import Error, UnavailableError

__all__ = ["Ping", "Readiness", "ReadyCheck", "ReadyFinding"]

_GROUP = "oadb.readiness"


@dataclass(frozen=True, slots=True)
class Ping:
    """The answer of the database to one round trip; true if it answered.

    Attributes:
        seconds: Of the round trip, with the wait for a connection.
        reason: Why there was no answer; empty if there was.
    """

    answered: bool
    seconds: float
    reason: str = ""

    def __bool__(self) -> bool:
        """Say whether the database answered."""
        return self.answered


@dataclass(frozen=True, slots=True)
class ReadyFinding:
    """One thing that a service needs of its database.

    Attributes:
        subject: ``connection``, ``migrations``, ``keys``, ``roles``, or what a package checks.
        text: What was found.
        advice: What to do about it; empty if it is ok.
    """

    ok: bool
    subject: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        said = f"{self.text}; {self.advice}" if self.advice else self.text
        return f"{'ok  ' if self.ok else 'FAIL'} {self.subject}: {said}"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service can work with its database; true if all findings are ok."""

    findings: tuple[ReadyFinding, ...]
    seconds: float

    def __bool__(self) -> bool:
        """Say whether all findings are ok."""
        return all(finding.ok for finding in self.findings)


ReadyCheck = Callable[[AsyncExecutor, Config], Coroutine[Any, Any, Iterable[ReadyFinding]]]
"""Finds out about one subject."""


async def ping(pool: Pool, driver: Driver, seconds: float) -> Ping:
    """Make one round trip, within *seconds* with the wait for a connection."""
    started = monotonic()
    try:
        await _make_round_trip(pool, driver, seconds)
    except (UnavailableError, psycopg.Error) as error:
        return Ping(False, monotonic() - started, _in_one_line(error))
    return Ping(True, monotonic() - started)


async def _make_round_trip(pool: Pool, driver: Driver, seconds: float) -> None:
    limit = expected(seconds)
    first = ("ping", limit, seconds)
    connection = pool.take(*first) or await pool.acquire(*first, patience=0.0)
    state = connection.state
    try:
        await driver.run_exchange(connection, wire.simple(connection.pgconn, b""))
    except psycopg.Error:
        state.is_spoiled = True
        if not state.overdue:
            raise
    finally:
        pool.release(connection)
    if state.overdue:
        raise UnavailableError(f"the database did not answer within {seconds:g} s")


async def examine(db: Any, config: Config, seconds: float) -> Readiness:
    """Run the checks of all packages over an AsyncDatabase, within *seconds*."""
    started = monotonic()
    pinged = await ping(db._pool, db._driver, seconds)
    found = [_connection_finding(pinged, config)]
    if pinged and db._replicas is not None:
        found += [ReadyFinding(True, "replicas", each) for each in await db._replicas.sentences()]
    if pinged:
        for subject, check in _checks().items():
            left = seconds - (monotonic() - started)
            found += await _findings_of(subject, check, db, config, left)
    return Readiness(tuple(found), monotonic() - started)


def _connection_finding(pinged: Ping, config: Config) -> ReadyFinding:
    if pinged:
        return ReadyFinding(True, "connection", f"{config.dsn} answers")
    return ReadyFinding(
        False, "connection", pinged.reason, "look at the server, the network and DATABASE_URL"
    )


@cache
def _checks() -> dict[str, ReadyCheck]:
    """Return the checks of all packages by their subjects."""
    provided = sorted(entry_points(group=_GROUP), key=lambda each: each.name)
    return {
        subject: check
        for each in provided
        for subject, check in cast("Mapping[str, ReadyCheck]", each.load()).items()
    }


async def _findings_of(
    subject: str, check: ReadyCheck, db: Any, config: Config, seconds: float
) -> list[ReadyFinding]:
    """Run a check; whatever it raises is a finding."""
    if seconds <= 0:
        return [ReadyFinding(False, subject, "not checked: the time was over", "give it more time")]
    try:
        return [*await check(db.within(seconds), config)]
    except psycopg.Error as error:
        is_missing = error.sqlstate in failures.UNMIGRATED
        advice = "run oadb migrate" if is_missing else "oadb doctor says more"
        return [ReadyFinding(False, subject, _in_one_line(error), advice)]
    except Error as error:
        return [ReadyFinding(False, subject, _in_one_line(error))]
    except TimeoutError as error:  # of a caller that bounds the time of all checks
        text = _in_one_line(error) or "not known in time"
        return [ReadyFinding(False, subject, text, "give it more time")]
    except Exception as error:  # noqa: BLE001  # of the check of another package
        text = f"its check raised {type(error).__name__}: {_in_one_line(error)}"
        return [ReadyFinding(False, subject, text, "this is a fault of the check")]


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
