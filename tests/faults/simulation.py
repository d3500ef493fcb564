"""A simulation of a pool at its edge: callers and faults in random orders, until one is wrong.

    python -m tests.faults.simulation --minutes 10 --seed 1

Hypothesis chooses what happens next, and makes an order that fails shorter. Callers begin, are
interrupted and go on; the proxy is paused, cut and reset; sessions are terminated and stopped. At
the end everything works again, and then: each caller has ended within its bound, with an error that
is documented; every connection is there; calls succeed; what was acknowledged is stored, once, and
what was refused is not. A failure prints its seed.
"""

import argparse
import gc
import logging
import os
import signal
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.engine.database import AsyncDatabase
from oadb.engine.driver import BlockingDriver, drive
from oadb.errors import Error
from oadb.testing.control import controlled
from tests.faults.cancellations import _without_reports
from tests.faults.proxy import Proxy
from tests.faults.simulated_callers import (
    COUNTER,
    DEADLINE,
    KINDS,
    LOCK_TIMEOUT,
    POOL_TIMEOUT,
    Caller,
    Running,
    Task,
    Thread,
)
from tests.support import pool_probes as probes
from tests.support.rig import Loop, Observer, config, create_tables, eventually

T = TypeVar("T")

SIZE, OVERFLOW = 2, 2
# Callers that run at the same time, at most.
_MOST_CALLERS = 24
# Seconds that a busy machine may add to a bound.
_LATE = 2.0
# Seconds from the end of the faults to the first of these calls in a row.
_HEALS_WITHIN, _CALLS = 1.0, 20
# Seconds until a connection that was lost by an interruption is replaced: see leases.UNCONFIRMED.
_SETTLES_WITHIN = 10.0
# Seconds that psycopg_pool waits at most for its threads, which may be connecting.
_CLOSES_WITHIN = 5.0


@dataclass(slots=True)
class Stage:
    """The proxy in front of a server, on which simulations run, one after the other."""

    proxy: Proxy
    observer: Observer
    callers: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    slowest_healing: float = 0.0

    def next_caller(self, kind: str) -> Caller:
        self.callers += 1
        return Caller(kind, COUNTER + self.callers)


class Simulation(RuleBasedStateMachine):
    """Callers of one database, and the faults that hit them."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.proxy, self.observer = self.stage.proxy, self.stage.observer
        self.observer.rows("truncate probe, child")
        self.observer.rows("insert into probe (probe_id, note) values (%s, 'counter')", COUNTER)
        self.running: list[Running] = []
        self.stopped: set[int] = set()
        self.history: list[str] = []
        self.started = monotonic()
        self.db = self.new()

    # How sync and async differ -------------------------------------------------------------------

    def new(self) -> AsyncDatabase:
        """Make a database."""
        return AsyncDatabase(self._config(), BlockingDriver())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* to its end."""
        return drive(work)

    def start(self, caller: Caller) -> Running:
        """Let *caller* begin."""
        return Thread(caller, self.db)

    def finish(self) -> None:
        """Release what a simulation has beside its database."""

    def _config(self) -> Config:
        return config(
            self.proxy.url,
            pool_size=SIZE,
            max_overflow=OVERFLOW,
            call_deadline_seconds=DEADLINE,
            pool_timeout_seconds=POOL_TIMEOUT,
            lock_timeout_seconds=LOCK_TIMEOUT,
        )

    # Callers -------------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(KINDS))
    def begin(self, kind: str) -> None:
        if self._alive() < _MOST_CALLERS:
            self._say(f"begin {kind}")
            self.running.append(self.start(self.stage.next_caller(kind)))

    @rule(kind=st.sampled_from(["read", "pause", "put", "transact"]))
    def burst(self, kind: str) -> None:
        for _ in range(3 * (SIZE + OVERFLOW)):
            self.begin(kind)

    @rule(which=st.integers(0, 99))
    def go_on(self, which: int) -> None:
        if waiting := [each for each in self.running if not each.caller.may_go_on]:
            chosen = waiting[which % len(waiting)]
            self._say(f"go on, {chosen.caller.kind}")
            chosen.caller.may_go_on = True

    @rule(which=st.integers(0, 99))
    def interrupt(self, which: int) -> None:
        if alive := [each for each in self.running if not each.ends_within(0.0)]:
            chosen = alive[which % len(alive)]
            self._say(f"interrupt {chosen.caller.kind}")
            chosen.interrupt()

    @rule()
    def collect_garbage(self) -> None:
        gc.collect()

    @rule(hundredths=st.integers(1, 30))
    def let_time_pass(self, hundredths: int) -> None:
        self._say(f"let {hundredths / 100} s pass")
        sleep(hundredths / 100)

    @rule()
    def reopen(self) -> None:
        self._say("close and open")
        started = monotonic()
        self.run(self.db.close())
        assert monotonic() - started < _CLOSES_WITHIN + _LATE, "close() hangs"
        self.db = self.new()

    # Faults --------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["pause", "resume", "cut", "reset", "refuse", "accept"]))
    def proxy_fault(self, what: str) -> None:
        self._say(f"proxy: {what}")
        getattr(self.proxy, what)()

    @rule(milliseconds=st.sampled_from([0, 5, 50]))
    def delay(self, milliseconds: int) -> None:
        self._say(f"proxy: delay of {milliseconds} ms")
        self.proxy.delay(milliseconds / 1000)

    @rule(which=st.integers(0, 99))
    def terminate(self, which: int) -> None:
        if pids := self._backends():
            self._say("terminate a session")
            self.observer.ask("select pg_terminate_backend(%s::int)", pids[which % len(pids)])

    @rule(which=st.integers(0, 99))
    def stop(self, which: int) -> None:
        if pids := self._backends():
            self._say("stop a session")
            self._signal(pids[which % len(pids)], signal.SIGSTOP)

    @rule()
    def go_on_all(self) -> None:
        self._say("sessions go on")
        for pid in [*self.stopped]:
            self._signal(pid, signal.SIGCONT)

    def _backends(self) -> list[int]:
        return sorted({*self.observer.backends()} - self.stopped)

    def _signal(self, pid: int, number: signal.Signals) -> None:
        (self.stopped.discard if number is signal.SIGCONT else self.stopped.add)(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    # What must hold ------------------------------------------------------------------------------

    @invariant()
    def the_pool_is_within_its_limits(self) -> None:
        stats = self.db.stats()
        assert max(stats.size, stats.leased) <= stats.most == SIZE + OVERFLOW, stats
        assert stats.waiting <= len(self.running), stats

    def teardown(self) -> None:
        try:
            self._heal()
            self._calls_succeed()
            self._callers_have_ended()
            self._every_connection_is_there()
            self._what_is_stored_is_true()
            self.run(self.db.close())
            self._nothing_is_left()
        except BaseException as error:
            error.add_note("\n".join([*self.history, *(repr(x.caller) for x in self.running)]))
            self.observer.terminate()
            raise
        finally:
            self.finish()

    def _heal(self) -> None:
        self.proxy.delay(0)
        self.proxy.accept()
        self.proxy.resume()
        self.go_on_all()
        for each in self.running:
            each.caller.may_go_on = True
        self._say("everything works again")

    def _calls_succeed(self) -> None:
        """Call until there are enough successes in a row; the first must come soon."""
        healed, first, row = monotonic(), 0.0, 0
        while row < _CALLS:
            assert monotonic() - healed < _SETTLES_WITHIN, "calls do not succeed"
            try:
                self.run(probes.one(self.db))
            except Error as error:
                self._say(f"not yet: {error}")
                row = 0
            else:
                row += 1
                first = monotonic() - healed if row == 1 else first
        self._say(f"calls succeed after {first:.2f} s")
        self.stage.slowest_healing = max(self.stage.slowest_healing, first)
        assert first < _HEALS_WITHIN + _LATE, f"calls succeed after {first:.2f} s"

    def _callers_have_ended(self) -> None:
        for each in self.running:
            caller = each.caller
            assert each.ends_within(caller.bound + _LATE), f"{caller.kind} hangs"
            assert caller.unexpected is None, (caller.kind, caller.unexpected)
            assert caller.took < caller.bound + _LATE, caller
            self.stage.ends[f"{caller.kind}: {caller.outcome}"] += 1
        gc.collect()  # what they abandoned

    def _every_connection_is_there(self) -> None:
        """Lease all connections at once; then none is in use."""
        # A connection may be neither idle nor leased until it is found to be lost.
        eventually(lambda: self.db.stats().idle == self.db.stats().size, _SETTLES_WITHIN)
        held = [self.db.transaction() for _ in range(SIZE + OVERFLOW)]
        for transaction in held:
            assert self.run(probes.one(self.run(transaction.__aenter__()))) == 1
        stats = self.db.stats()
        assert stats.leased == stats.size == SIZE + OVERFLOW, stats
        for transaction in held:
            self.run(transaction.__aexit__(None, None, None))
        eventually(lambda: self.db.stats().leased == 0)
        eventually(lambda: len(self.observer.backends()) == self.db.stats().size)

    def _what_is_stored_is_true(self) -> None:
        stored = {row for (row,) in self.observer.rows("select probe_id from probe")}
        bumps = self.observer.ask("select amount from probe where probe_id = %s", COUNTER)
        callers = [each.caller for each in self.running]
        for caller in callers:
            is_stored = {row in stored for row in caller.rows}
            allowed = {"acknowledged": [{True}], "nothing changed": [{False}]}
            either = [{True}, {False}]
            assert not caller.rows or is_stored in allowed.get(caller.outcome, either), caller
            assert not stored.intersection(caller.undone), caller
        least = sum(each.bumps for each in callers if each.outcome == "acknowledged")
        most = least + sum(each.bumps for each in callers if each.outcome == "unknown")
        assert least <= bumps <= most, (least, bumps, most)

    def _nothing_is_left(self) -> None:
        eventually(lambda: not self.observer.backends())

    def _alive(self) -> int:
        return sum(not each.ends_within(0.0) for each in self.running)

    def _say(self, what: str) -> None:
        self.history.append(f"{monotonic() - self.started:6.2f} {what}")


class AsyncSimulation(Simulation):
    """The same with tasks."""

    def new(self) -> AsyncDatabase:
        self.loop = getattr(self, "loop", None) or Loop()
        return AsyncDatabase(self._config())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.wait_for(work)

    def start(self, caller: Caller) -> Running:
        return Task(caller, self.db, self.loop)

    def finish(self) -> None:
        self.loop.stop()


MODES: dict[str, type[Simulation]] = {"sync": Simulation, "async": AsyncSimulation}


def simulate(stage: Stage, mode: str, number: int, examples: int, *, shorten: bool = False) -> None:
    """Run *examples* simulations, chosen by the seed *number*."""
    machine = type(mode, (MODES[mode],), {"stage": stage})
    phases = (Phase.generate, Phase.shrink) if shorten else (Phase.generate,)
    with _without_reports():
        run_state_machine_as_test(
            seed(number)(machine),
            settings=settings(
                max_examples=examples,
                stateful_step_count=25,
                deadline=None,
                database=None,
                phases=phases,
                report_multiple_bugs=False,
                suppress_health_check=[*HealthCheck],
            ),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shorten", action="store_true", help="look for a shorter failing order")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with controlled() as server, Proxy(dsn.parse(server.url).keywords) as proxy:
        create_tables(server.url)
        stage = Stage(proxy, Observer(server.url))
        end, number = monotonic() + 60 * given.minutes, given.seed
        while monotonic() < end:
            for mode in MODES:
                print(f"{mode}, --seed {number}", flush=True)
                simulate(stage, mode, number, 10, shorten=given.shorten)
            print(f"slowest healing: {stage.slowest_healing:.2f} s", flush=True)
            number += 1
        for what, times in sorted(stage.ends.items()):
            print(f"{times:6} {what}")


if __name__ == "__main__":
    main()
