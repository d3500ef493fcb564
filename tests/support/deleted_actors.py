"""Calls that name a user who is deleted meanwhile."""

from collections.abc import Callable

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.errors import NoRowError
from tests.conftest import configured
from tests.support.rig import Observer, eventually, threads

BLOCKED = (
    "select count(*) from pg_stat_activity "
    "where datname = current_database() and wait_event_type = 'Lock'"
)


def refused_beside_a_deletion(
    db: Database, url: str, call: Callable[[Database, int], object]
) -> None:
    """Have a call by a user wait until the user is deleted, and find then that there is none."""
    actor = users.create(db, "actor", "actor@example.in").user_id
    observer = Observer(url)
    with Database(configured(url)) as other, threads(1) as pool:
        with db.transaction() as tx:
            assert users.delete(tx, actor)
            change = pool.submit(call, other, actor)
            eventually(lambda: change.done() or observer.ask(BLOCKED))
        with pytest.raises(NoRowError, match=f"there is no user {actor}$"):
            change.result()
