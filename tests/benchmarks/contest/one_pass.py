"""Asks the questions that are named, all if none is; prints what each round took, as JSON.

    python tests/benchmarks/contest/one_pass.py [pinned] [QUESTION ...]

A process of its own, because threads of a driver stay where they were started. Pinned, it and its
server share one CPU, so that one waits while the other works.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from time import perf_counter

import psycopg
import uvloop

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.benchmarks import conditions
from tests.benchmarks.contest import (
    by_asyncpg,
    by_libpq,
    by_oadb,
    by_pgbench,
    by_psqlpy,
    by_psycopg,
    by_psycopg_async,
    by_sqlalchemy,
    trades,
)
from tests.benchmarks.contest.entrants import ASYNCIO, UVLOOP, Entrant, Entrants, measure
from tests.benchmarks.contest.questions import QUESTIONS

Measured = dict[str, object]


def main(*names: str) -> Measured:
    """Return what the server waits for, and the rounds of each entrant of each question."""
    pinned = names[:1] == ("pinned",)
    if pinned:
        conditions.pin()
    asked = names[pinned:] or [each.key for each in QUESTIONS]
    with conditions.database(trades.fill) as url, _everyone(url) as found:
        server = conditions.durability(url)
        for question in QUESTIONS:
            if question.key in asked:
                began = perf_counter()
                rounds = int(os.environ.get("OADB_BENCH_ROUNDS", question.rounds))
                measure(found[question.key], rounds, min(question.calls, 5 * rounds))
                took = f"{question.title}: {perf_counter() - began:.0f} s"
                print(took, file=sys.stderr, flush=True)
        measured = {key: [*map(_shown, found[key])] for key in asked}
    return {"server": server, "questions": measured}


@contextmanager
def _everyone(url: str) -> Generator[Entrants]:
    """Give the entrants of all libraries."""
    with ExitStack() as running:
        emptying = running.enter_context(psycopg.connect(url, autocommit=True))

        def empty() -> object:
            return emptying.execute(trades.EMPTY.encode())

        every = [
            running.enter_context(by_oadb.blocking(url, empty)),
            running.enter_context(by_libpq.entrants(url, empty)),
            running.enter_context(by_pgbench.entrants(url)),
            running.enter_context(by_psycopg.entrants(url, empty)),
            running.enter_context(by_sqlalchemy.blocking(url, empty)),
            *_on(running, ASYNCIO, asyncio.new_event_loop, url, empty),
            *_on(running, UVLOOP, uvloop.new_event_loop, url, empty),
        ]
        yield {
            each.key: [e for found in every for e in found.get(each.key, [])] for each in QUESTIONS
        }


def _on(
    running: ExitStack,
    how: str,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    url: str,
    empty: Callable[[], object],
) -> Iterator[Entrants]:
    """Yield those of each library on a loop of its own."""
    runner = running.enter_context(asyncio.Runner(loop_factory=loop_factory))
    managers = [
        by_oadb.awaiting(url, how, empty),
        by_psycopg_async.awaiting(url, how, empty),
        by_asyncpg.awaiting(url, how, empty),
    ]
    if how == ASYNCIO:
        managers += [by_psqlpy.awaiting(url, how, empty), by_sqlalchemy.awaiting(url, how)]
    for manager in managers:
        yield runner.run(manager.__aenter__())
        running.callback(_leave, runner, manager)


def _leave(runner: asyncio.Runner, manager: AbstractAsyncContextManager[Entrants]) -> None:
    runner.run(manager.__aexit__(None, None, None))


def _shown(entrant: Entrant) -> Measured:
    return {
        "name": entrant.name,
        "how": entrant.how,
        "clock": [round(each.clock * 1e9) for each in entrant.rounds],
        "cpu": [round(each.cpu * 1e9) for each in entrant.rounds],
    }


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        answer = main(*sys.argv[1:])
    json.dump(answer, sys.stdout)
