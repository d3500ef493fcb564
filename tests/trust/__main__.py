"""Measures the figures of docs/security.md, which takes about a quarter of an hour:

python -m tests.trust [canaries] [races] [lookups] [names] [guesses] [rotation]
"""

import sys
import tempfile
from pathlib import Path

from tests.benchmarks import conditions
from tests.trust import canaries, guessing, races, rotation, timing
from tests.trust.ground import CPUS, Measured, database, pinned


def _races() -> list[Measured]:
    with database() as db:
        return [races.cap(db), races.failures(db), *races.codes(db)]


def _lookups() -> list[Measured]:
    client, server = (CPUS[0], CPUS[-1]) if CPUS else (0, 0)
    with pinned(server), timing.filled(timing.FEW) as few, timing.filled(timing.MANY) as many:
        together = timing.verify(few, many, "client and server on one CPU")
        with pinned(client):
            apart = timing.verify(few, many, "client and server on a CPU each")
        return [*timing.required(apart), timing.planned(many), *together.measured]


def _names() -> list[Measured]:
    with database() as db:
        return [timing.names(db, logins=each) for each in (0, 3)]


def _guesses() -> list[Measured]:
    with database() as db:
        return guessing.guesses(db)


def _rotation() -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        return rotation.rewrap(Path(folder))


PARTS = {
    "canaries": canaries.scan,
    "races": _races,
    "lookups": _lookups,
    "names": _names,
    "guesses": _guesses,
    "rotation": _rotation,
}

if __name__ == "__main__":
    conditions.main()
    for part in sys.argv[1:] or PARTS:
        measured = PARTS[part]()
        conditions.table(("promise", "found"), ((each.promise, each.found) for each in measured))
