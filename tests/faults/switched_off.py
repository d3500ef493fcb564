"""Each mechanism switched off, and the test that must fail then.

    python -m tests.faults.switched_off
    python -m tests.faults.switched_off watchdog

A test that passes without its mechanism holds nothing. Each runs in a process of its own, in which
this module is a plugin of pytest that patches the engine before the test begins.
"""

import argparse
import importlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parents[2]

_VARIABLE = "OADB_SWITCHED_OFF"
# Seconds until a test that hangs without its mechanism fails.
_LIMIT = 25

# Makes what stands in for a function, from that function.
Patch = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What is replaced, by what, and the test that must fail then."""

    place: str
    """Module and attribute, such as oadb.engine.failures:is_lost."""
    patch: Patch
    test: str


def _returns(value: object) -> Patch:
    return lambda _: lambda *_, **__: value


def _nothing_awaited(_: Any) -> Any:
    async def nothing(*_: object, **__: object) -> None:
        """Do nothing."""

    return nothing


def _without_lease_limit(original: Any) -> Any:
    """Ignore how long a lease may last."""
    return lambda pool, label, limit=math.inf, *_, **__: original(pool, label, limit, math.inf)


def _last_come_first_served(original: Any) -> Any:
    return lambda idle, waiter, label, **_: original(idle, waiter, label, first=True)


def _by_class(_: Any) -> Any:
    """Decide by SQLSTATE alone whether a connection was lost."""
    return lambda error, _: (error.sqlstate or "").startswith(("08", "57P"))


def _one_after_the_other(original: Any) -> Any:
    """Let one lane at a time store its rows."""
    lock = Lock()

    def deliver(*args: Any) -> None:
        with lock:
            original(*args)

    return deliver


def _with_another_id(original: Any) -> Any:
    """Claim another id at each attempt."""

    def attempt(delivery: Any, batch: Any) -> None:
        batch.batch_id = uuid4()
        original(delivery, batch)

    return attempt


def _repeated(original: Any) -> Any:
    """Treat a write that was lost like a read."""

    class Repeatable:
        def __init__(self, query: Any) -> None:
            self._query = query

        is_repeatable = True

        def __getattr__(self, name: str) -> Any:
            return getattr(self._query, name)

    return lambda self, error, query, *rest: original(self, error, Repeatable(query), *rest)


def _unguarded(_: Any) -> Any:
    """Wait without noting what was interrupted."""
    return lambda *_: None


def _without_keyword(name: str) -> Patch:
    """Connect without one of libpq's keywords."""

    def patch(original: Any) -> Any:
        def keywords(*args: Any) -> dict[str, str]:
            return {key: value for key, value in original(*args).items() if key != name}

        return keywords

    return patch


def _without_idle_limit(original: Any) -> Any:
    limit = "idle_in_transaction_session_timeout"
    return property(lambda config: {**original.fget(config), limit: 0})


_POOL, _ENGINE, _FAULTS = "tests/engine/pool/", "tests/engine/", "tests/faults/"

MECHANISMS: dict[str, Mechanism] = {
    "watchdog": Mechanism(
        "oadb.engine.pool.upkeep:Upkeep.inspect",
        lambda _: lambda _, now: now + 0.25,
        _FAULTS + "test_deadlines.py::"
        "test_a_read_from_a_stopped_backend_is_unavailable_at_the_deadline",
    ),
    "watchdog wakes for short deadlines": Mechanism(
        "oadb.engine.pool.watchdog:Watchdog.expect",
        _returns(None),
        _POOL + "test_watchdog.py::test_a_short_deadline_does_not_wait_for_the_next_look",
    ),
    "watchdog starts threads again": Mechanism(
        "oadb.engine.pool.watchdog:_AGAIN",
        lambda _: math.inf,
        _POOL + "test_watchdog.py::test_a_thread_that_cannot_be_started_is_tried_again",
    ),
    "deadline of within()": Mechanism(
        "oadb.engine.pool_executors:expected",
        _returns(math.inf),
        _FAULTS + "test_deadlines.py::test_within_bounds_the_wait_for_a_connection_as_well",
    ),
    "deadline of a transaction": Mechanism(
        "oadb.engine.transactions:expected",
        _returns(math.inf),
        _FAULTS + "test_deadlines.py::test_a_transaction_has_a_deadline_as_a_whole",
    ),
    "allowing more time": Mechanism(
        "oadb.engine.transactions:AsyncTransaction.allow",
        _returns(None),
        _FAULTS + "test_deadlines.py::"
        "test_an_operation_may_allow_the_statements_of_its_transaction_more_time",
    ),
    "taking back": Mechanism(
        "oadb.engine.pool.upkeep:Upkeep._take_back",
        _returns(None),
        _FAULTS + "test_deadlines.py::"
        "test_a_transaction_whose_owner_is_busy_beyond_its_deadline_is_taken_back",
    ),
    "marking leaks": Mechanism(
        "oadb.engine.pool.leases:Leases._mark",
        _returns(None),
        _POOL + "test_liveness.py::test_a_leaked_transaction_is_closed_and_logged_with_its_origin",
    ),
    "closing unused connections": Mechanism(
        "oadb.engine.pool.upkeep:Upkeep._return_unused",
        _returns(None),
        _POOL + "test_connection_pool.py::"
        "test_connections_beyond_the_size_are_closed_when_they_are_not_used",
    ),
    "finding lost connections": Mechanism(
        "oadb.engine.pool.upkeep:Upkeep._find_lost",
        _returns(None),
        _POOL + "test_watchdog.py::test_a_connection_that_is_neither_idle_nor_leased_is_replaced",
    ),
    "limit of unconfirmed leases": Mechanism(
        "oadb.engine.pool.connection_pool:Pool.take",
        _without_lease_limit,
        _POOL + "test_watchdog.py::test_a_lease_that_is_never_confirmed_is_taken_back",
    ),
    "noting interruptions": Mechanism(
        "oadb.engine.pool.connections:note_interruption",
        _unguarded,
        _FAULTS + "test_interrupted.py::test_cancelled_tasks_return_their_connection",
    ),
    "finishing interrupted exchanges": Mechanism(
        "oadb.engine.pool.upkeep:finish_interrupted",
        _nothing_awaited,
        _FAULTS + "test_interrupted.py::test_cancelled_tasks_return_their_connection",
    ),
    "cancel request": Mechanism(
        "psycopg:AsyncConnection.cancel_safe",
        _nothing_awaited,
        _FAULTS + "test_interrupted.py::test_a_timeout_of_asyncio_ends_the_query_on_the_server",
    ),
    "clearing up": Mechanism(
        "oadb.engine.pool.upkeep:Upkeep._finish",
        _nothing_awaited,
        _FAULTS + "test_interrupted.py::test_cancelled_tasks_return_their_connection",
    ),
    "retry budget": Mechanism(
        "oadb.engine.failures:RetryBudget.spend",
        _returns(True),
        _ENGINE + "test_failures.py::test_retries_after_lost_connections_come_from_a_budget",
    ),
    "outcome by stage": Mechanism(
        "oadb.engine.failures:is_lost",
        _by_class,
        _ENGINE + "test_failures.py::"
        "test_a_write_that_was_sent_and_not_answered_is_unknown_whatever_the_words",
    ),
    "writes are not repeated": Mechanism(
        "oadb.engine.pool_executors:AsyncPoolExecutor._retry_or_fail",
        _repeated,
        _ENGINE + "test_failures.py::test_a_write_cut_before_it_arrived_is_not_repeated_either",
    ),
    "stale plans": Mechanism(
        "oadb.engine.failures:is_stale",
        _returns(False),
        _ENGINE + "test_failures_stale_plans.py::test_reads_go_on_when_a_column_changes_its_type",
    ),
    "fair queue": Mechanism(
        "oadb.engine.pool.idle_stack:IdleStack.enqueue",
        _last_come_first_served,
        _POOL + "test_connection_pool.py::test_a_burst_far_beyond_the_pool_is_served_in_its_order",
    ),
    "liveness": Mechanism(
        "oadb.engine.pool.connection_pool:looks_alive",
        _returns(True),
        _POOL + "test_liveness.py::test_dead_connections_are_replaced_before_a_call_uses_them",
    ),
    "liveness of connections that waited": Mechanism(
        "oadb.engine.pool.upkeep:Upkeep.is_usable",
        lambda _: _always,
        _POOL + "test_liveness.py::test_dead_connections_are_replaced_before_a_call_uses_them",
    ),
    "role": Mechanism(
        "oadb.engine.pool.outage:Outage.check_role",
        _returns(None),
        _FAULTS + "test_failover.py::"
        "test_a_service_that_only_reads_does_not_read_from_a_primary_that_became_a_standby",
    ),
    "outage": Mechanism(
        "oadb.engine.pool.outage:Outage.failed",
        _returns(None),
        _FAULTS + "test_outage.py::"
        "test_calls_fail_fast_in_an_outage_and_succeed_at_once_after_it[sync-6.0]",
    ),
    "dead connections by keepalives": Mechanism(
        "oadb.engine.pool.connection_pool:looks_alive",
        _returns(True),
        _FAULTS + "test_vanished_packets.py::"
        "test_idle_connections_whose_packets_vanished_are_replaced_before_they_are_used",
    ),
    "idle limit of transactions": Mechanism(
        "oadb.engine.config:Config._server_settings",
        _without_idle_limit,
        _FAULTS + "test_vanished_packets.py::"
        "test_a_row_that_a_vanished_client_locked_is_free_after_the_idle_limit",
    ),
    "keepalives of the server": Mechanism(
        "oadb.engine.dsn:SERVER_LIVENESS",
        lambda _: {},
        _FAULTS + "test_vanished_packets.py::"
        "test_a_row_that_a_client_without_an_idle_limit_locked_is_free_when_the_server_notices",
    ),
    "looking at the client in a statement": Mechanism(
        "oadb.engine.dsn:SERVER_LIVENESS",
        lambda original: {**original, "client_connection_check_interval": 0},
        _FAULTS + "test_vanished_packets.py::"
        "test_a_long_statement_of_a_vanished_client_ends_when_the_server_notices",
    ),
    "reports that end the session": Mechanism(
        "oadb.engine.failures:_ENDS_SESSION",
        lambda _: frozenset(),
        _ENGINE + "test_failures.py::"
        "test_a_report_that_ends_the_session_leaves_the_outcome_unknown_whatever_its_code",
    ),
    "several hosts need a primary": Mechanism(
        "oadb.engine.dsn:connection_keywords",
        _without_keyword("target_session_attrs"),
        _FAULTS + "test_replica.py::test_a_service_reads_what_it_wrote_although_a_replica_lags",
    ),
    "verified certificates": Mechanism(
        "oadb.engine.dsn:connection_keywords",
        _without_keyword("sslmode"),
        _FAULTS + "test_certificates.py::"
        "test_a_server_without_tls_is_refused_and_gets_nothing_in_clear",
    ),
    "fork": Mechanism(
        "oadb.engine.pool.connection_pool:Pool.abandon_inherited",
        _returns(None),
        _FAULTS + "test_fork.py::test_a_child_builds_its_own_pool_and_the_parent_keeps_its_own",
    ),
    "cutting off what a child inherited": Mechanism(
        "oadb.engine.pool.connection_pool:cut_off",
        _returns(None),
        _FAULTS + "test_fork.py::"
        "test_a_child_that_drops_the_stream_of_its_parent_does_not_disturb_it",
    ),
    "another event loop": Mechanism(
        "oadb.engine.pool.connection_pool:Pool._come_home",
        _returns(None),
        _POOL + "test_watchdog.py::test_an_async_database_works_in_the_event_loop_"
        "after_one_that_ended_in_its_middle",
    ),
    "a lane for each table of logs": Mechanism(
        "oadb.logs.writing.delivery:Delivery._deliver",
        _one_after_the_other,
        "tests/logs/test_writer_lanes.py::"
        "test_a_table_that_does_not_answer_stops_only_its_own_rows",
    ),
    "one id for each batch of logs": Mechanism(
        "oadb.logs.writing.delivery:Delivery._attempt",
        _with_another_id,
        _FAULTS + "test_log_writer.py::test_lost_commits_and_lost_answers_lose_and_double_nothing",
    ),
    "refused rows of logs are looked for": Mechanism(
        "oadb.logs.writing.row_refusals:Refusals.note",
        _returns(None),
        "tests/logs/test_writer_rejects.py::"
        "test_only_invalid_rows_are_rejected_and_the_others_are_stored",
    ),
}


async def _always(*_: object) -> bool:
    return True


def failed_without(name: str) -> str | None:
    """Run the test of a mechanism without it; return None if it failed, else what happened."""
    mechanism = MECHANISMS[name]
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-n", "0", "-x", "-p", "tests.faults.switched_off"),
        *("-m", "", "-o", f"timeout={_LIMIT}", "-p", "no:cacheprovider", mechanism.test),
    ]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, _VARIABLE: name},
        capture_output=True,
        text=True,
        check=False,
    )
    is_failed = run.returncode == 1 and " failed" in run.stdout
    return None if is_failed else f"{mechanism.test}: {run.returncode}\n{run.stdout[-2000:]}"


def pytest_configure() -> None:
    """Switch off what the environment names."""
    if name := os.environ.get(_VARIABLE):
        module, _, attribute = MECHANISMS[name].place.partition(":")
        holder: Any = importlib.import_module(module)
        *path, last = attribute.split(".")
        for each in path:
            holder = getattr(holder, each)
        setattr(holder, last, MECHANISMS[name].patch(getattr(holder, last)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="mechanism", help=", ".join(MECHANISMS))
    passed = 0
    for name in parser.parse_args().names or MECHANISMS:
        started = monotonic()
        problem = failed_without(name)
        passed += problem is not None
        print(f"{monotonic() - started:5.1f} s  {name}: {problem or 'its test fails'}", flush=True)
    sys.exit(passed > 0)


if __name__ == "__main__":
    main()
