"""Actors: the one who is named for a change is a user."""

import re

import pytest

from oadb import Transaction
from oadb.accounts import users
from oadb.engine.binding.operations import operation
from oadb.engine.executors import AsyncExecutor
from oadb.errors import NoRowError
from oadb.validation import owners


@operation
async def act(db: AsyncExecutor, *, by: int | None) -> None:
    await owners.require_actor(db, "probe.act", by)


def test_the_platform_and_a_user_may_act(tx: Transaction) -> None:
    user = users.create(tx, "asha", "asha@example.in")

    act(tx, by=None)
    act(tx, by=user.user_id)


@pytest.mark.parametrize("by", [0, -1, 2**62])
def test_an_actor_who_is_not_a_user_is_refused(tx: Transaction, by: int) -> None:
    with pytest.raises(NoRowError, match=f"^{re.escape(f'probe.act: there is no user {by}')}$"):
        act(tx, by=by)
