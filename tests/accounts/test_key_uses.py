"""When API keys were used: collected in memory, written in batches."""

import asyncio

import pytest

from oadb import AsyncDatabase, Database
from oadb.accounts import api_keys, key_uses, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.key_uses import KeyUses
from oadb.errors import UnavailableError
from tests.support.accounts import issue
from tests.support.databases import unreachable
from tests.support.rig import Observer, eventually


def test_uses_are_collected_and_written_at_most_once_a_minute(
    db: Database, observer: Observer, user_id: int
) -> None:
    issued = [issue(db, user_id) for _ in range(2)]
    uses = KeyUses()
    for each in [*issued, *issued]:
        verified = api_keys.verify(db, each.token)
        assert isinstance(verified, VerifiedKey)
        uses.add(verified)
    used = uses._take()

    assert len(used[0]) == 2
    assert key_uses._store(db, *used) == 2
    assert key_uses._store(db, *used) == 0
    assert key_uses._store(db, *uses._take()) == 0
    assert all(each.last_used_at for each in api_keys.list_by_user(db, user_id))
    observer.rows(
        "update oadb.api_keys set last_used_at = last_used_at - interval '61 seconds' "
        "where api_key_id = %s",
        issued[0].key.api_key_id,
    )
    assert key_uses._store(db, *used) == 1


def test_uses_that_could_not_be_written_are_written_with_the_next_call(
    db: Database, user_id: int
) -> None:
    issued, other, uses = issue(db, user_id), issue(db, user_id), KeyUses()
    verified, later = (api_keys.verify(db, each.token) for each in (issued, other))
    assert isinstance(verified, VerifiedKey)
    assert isinstance(later, VerifiedKey)
    uses.add(verified)
    with pytest.raises(UnavailableError):
        key_uses.flush(unreachable(), uses)
    uses.add(later)

    assert key_uses.flush(db, uses) == 2
    assert key_uses.flush(db, uses) == 0
    assert all(each.last_used_at for each in api_keys.list_by_user(db, user_id))


async def test_uses_are_kept_when_the_task_that_writes_them_is_cancelled(
    adb: AsyncDatabase,
) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    issued = await api_keys.create(adb, asha.user_id, "bot", order_mode="auto")
    verified, uses = await api_keys.verify(adb, issued.token), KeyUses()
    assert isinstance(verified, VerifiedKey)
    uses.add(verified)
    async with adb.transaction() as tx:
        assert await api_keys.set_order_mode(tx, asha.user_id, verified.api_key_id, "semi_auto")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.create_task(key_uses.flush(adb, uses)), 0.2)
        # Until the pool has cancelled the statement: otherwise it may still run.
        await asyncio.to_thread(eventually, lambda: adb.stats().leased == 1)

    assert await key_uses.flush(adb, uses) == 1
