"""Looks users up by primary key, as often as each line of its input says; prints the CPU seconds.

    python lookup_worker.py URL none|observer|transaction

A process of its own, so that two versions of oadb are compared in turn: PYTHONPATH says which.
"""

import sys
from itertools import cycle
from time import process_time
from typing import Any

from oadb import Database
from oadb.accounts import users


def main(url: str, how: str) -> None:
    with _database(url, how) as db:
        numbers = cycle(range(1, 1000))
        if how == "transaction":
            with db.transaction() as tx:
                _serve(tx, numbers)
        else:
            _serve(db, numbers)


def _database(url: str, how: str) -> Database:
    if how != "observer":
        return Database.from_url(url)
    from oadb.engine.observing import Observer  # noqa: PLC0415  # an older version has none

    class Deaf(Observer):
        def statement(self, done: object) -> None:
            pass

    return Database.from_url(url, observer=Deaf())


def _serve(db: Any, numbers: Any) -> None:
    for line in sys.stdin:
        calls = int(line)
        began = process_time()
        for _ in range(calls):
            users.get(db, next(numbers))
        print(process_time() - began, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
