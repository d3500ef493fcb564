"""A cache drops what changed, and serves nothing that the database has not confirmed lately."""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.errors import UndefinedTable

from oadb import AsyncDatabase, Config, Database, Refusal, Secret
from oadb.accounts import api_keys, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import Session
from oadb.changes import announcements, live_cache
from oadb.changes.announcements import Change, ChangedTable
from oadb.changes.live_cache import AsyncLiveCache, LiveCache
from oadb.engine.executors import Executor
from oadb.errors import ParameterError
from oadb.settings import app_settings
from tests.support.rig import Observer, eventually

NEVER = 3600.0


@dataclass(frozen=True)
class Owned:
    """A value of a user, which may end."""

    user_id: int
    expires_at: datetime | None = None


class Loads:
    """Loads values and counts how often."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.count = 0

    def __call__(self) -> object:
        self.count += 1
        return self.value


def announce(db: Executor, table: ChangedTable, user_id: int | None, key: str = "") -> None:
    change = Change(table, user_id, key)
    db._operate(lambda inner: announcements.announce(inner, 1, change))


def read(cache: LiveCache[object]) -> None:
    """Read changes now, in this thread."""
    cache._db._operate(cache._renew)


@pytest.fixture
def cache(shared_db: Database) -> Generator[LiveCache[object]]:
    """Give a cache of API keys that reads changes when a test says so."""
    cache = LiveCache[object](shared_db, "api_keys", bound_seconds=NEVER)
    read(cache)
    return cache


def test_a_value_is_loaded_once_until_it_changes(
    shared_db: Database, cache: LiveCache[object]
) -> None:
    load = Loads(Owned(1))
    assert cache.get("a", load) is cache.get("a", load) is load.value
    assert load.count == 1
    announce(shared_db, "api_keys", 1)
    read(cache)
    assert cache.get("a", load) is load.value
    assert load.count == 2


@pytest.mark.parametrize(
    ("change", "dropped"),
    [
        (("api_keys", 1), {"mine", "nobody's"}),
        (("api_keys", 2), {"other", "nobody's"}),
        (("api_keys", None), {"mine", "other", "nobody's"}),
        (("users", 1), {"mine"}),
        (("sessions", 1), set[str]()),
        (("trading_mode", None), set[str]()),
    ],
)
def test_a_change_drops_the_entries_of_its_user(
    shared_db: Database,
    cache: LiveCache[object],
    change: tuple[ChangedTable, int | None],
    dropped: set[str],
) -> None:
    values = {"mine": Owned(1), "other": Owned(2), "nobody's": "analyze"}
    loads = {name: Loads(value) for name, value in values.items()}
    for name, load in loads.items():
        cache.get(name, load)
    announce(shared_db, *change)
    read(cache)
    for name, load in loads.items():
        cache.get(name, load)

    assert {name for name, load in loads.items() if load.count == 2} == dropped


def test_when_everything_may_have_changed_all_entries_are_dropped(
    shared_url: str, cache: LiveCache[object]
) -> None:
    cache.get("a", Loads(Owned(1)))
    Observer(shared_url).rows("insert into oadb.changes (table_name, key) values ('later', '')")
    read(cache)
    assert len(cache) == 0


def test_a_value_that_changed_while_it_was_loaded_is_not_kept(
    shared_db: Database, cache: LiveCache[object]
) -> None:
    def load() -> Owned:
        announce(shared_db, "api_keys", 1)
        read(cache)
        return Owned(1)

    assert cache.get("a", load) == Owned(1)
    assert len(cache) == 0


def test_of_two_loads_at_once_the_later_is_kept(cache: LiveCache[object]) -> None:
    def load() -> str:
        assert cache.get("a", lambda: "later") == "later"
        return "earlier"

    assert cache.get("a", load) == "earlier"
    assert cache.get("a", lambda: "unused") == "later"


@pytest.mark.parametrize("value", [Refusal.UNKNOWN, None, ""])
def test_what_is_false_is_not_kept(cache: LiveCache[object], value: object) -> None:
    load = Loads(value)
    assert cache.get("a", load) is cache.get("a", load) is value
    assert load.count == 2
    assert not cache._loading


def test_an_error_of_loading_is_raised_and_nothing_kept(cache: LiveCache[object]) -> None:
    def fail() -> object:
        raise KeyError("a")

    with pytest.raises(KeyError):
        cache.get("a", fail)
    assert len(cache) == len(cache._loading) == 0


def test_without_a_read_for_longer_than_the_bound_everything_is_loaded_anew(
    cache: LiveCache[object],
) -> None:
    load = Loads(Owned(1))
    cache.get("a", load)
    cache._current_at -= NEVER + 1
    for _ in range(2):
        cache.get("a", load)
    assert load.count == 3
    assert cache.age_seconds > NEVER
    read(cache)
    cache.get("a", load)
    assert load.count == 3, "it was confirmed"


def test_an_entry_ends_with_its_value_by_the_clock_of_the_database(
    shared_url: str, cache: LiveCache[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Observer(shared_url).ask("select now()")
    load = Loads(Owned(1, now + timedelta(seconds=30)))
    cache.get("a", load)
    read_at = cache._current_at
    for seconds, count in ((25, 1), (31, 2)):
        monkeypatch.setattr(live_cache, "monotonic", lambda at=read_at + seconds: at)
        cache.get("a", load)
        assert load.count == count


def test_an_entry_is_kept_for_a_minute_at_most(
    cache: LiveCache[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Loads(Owned(1, datetime(9999, 1, 1, tzinfo=UTC)))
    cache.get("a", load)
    now = cache._current_at
    monkeypatch.setattr(live_cache, "monotonic", lambda: now + 100)
    cache.get("a", load)
    assert load.count == 2


def test_the_oldest_entries_make_room(shared_db: Database) -> None:
    cache = LiveCache[object](shared_db, "api_keys", bound_seconds=NEVER, most=2)
    read(cache)
    for name in "abca":
        cache.get(name, Loads(name))
    assert [*cache._entries] == ["c", "a"]


def test_a_secret_is_found_by_its_digest(cache: LiveCache[object]) -> None:
    load = Loads(Owned(1))
    cache.get(Secret("token"), load)
    cache.get(Secret("token"), load)
    cache.get(Secret("\udc80"), load)
    assert load.count == 2
    assert "token" not in repr(cache._entries)


@pytest.mark.parametrize(
    ("bound", "kept", "most"), [(0.0, 1.0, 1), (1.0, float("nan"), 1), (1.0, 1.0, 0)]
)
def test_numbers_must_be_above_zero(
    shared_db: Database, bound: float, kept: float, most: int
) -> None:
    with pytest.raises(ParameterError):
        LiveCache[object](shared_db, "api_keys", bound_seconds=bound, kept_seconds=kept, most=most)


def test_a_cache_of_no_table_is_refused(shared_db: Database) -> None:
    with pytest.raises(ParameterError, match="needs a table"):
        LiveCache[object](shared_db)


def test_another_process_stops_serving_what_was_revoked(db: Database, config: Config) -> None:
    user = users.create(db, "asha", "asha@example.in")
    key = api_keys.create(db, user.user_id, "bot", order_mode="auto")
    session = sessions.create(db, users.signed_in(user, assurance=1))
    with (
        Database(config) as other,
        LiveCache[VerifiedKey | Refusal](other, "api_keys") as keys,
        LiveCache[Session | Refusal](other, "sessions") as live,
        LiveCache[str](other, "trading_mode") as modes,
    ):
        checks: list[tuple[Callable[[], object], Callable[[], object]]] = [
            (
                lambda: keys.get(key.token, lambda: api_keys.verify(other, key.token)),
                lambda: api_keys.revoke(db, user.user_id, key.key.api_key_id),
            ),
            (
                lambda: live.get(session.token, lambda: sessions.verify(other, session.token)),
                lambda: sessions.end_all(db, user.user_id),
            ),
            (
                lambda: modes.get("", lambda: app_settings.get_trading_mode(other)) == "analyze",
                lambda: app_settings.set_trading_mode(db, "live", by=user.user_id),
            ),
        ]
        for ask, revoke in checks:
            assert ask()
            revoke()
            eventually(lambda ask=ask: not ask())


async def test_a_cache_follows_changes_for_asyncio(adb: AsyncDatabase) -> None:
    user = await users.create(adb, "asha", "asha@example.in")
    key = await api_keys.create(adb, user.user_id, "bot", order_mode="auto")
    async with AsyncLiveCache[VerifiedKey | Refusal](adb, "api_keys") as keys:

        async def verify() -> VerifiedKey | Refusal:
            return await keys.get(key.token, lambda: api_keys.verify(adb, key.token))

        verified = await verify()
        assert verified
        assert await verify() == verified, "from the cache"
        await api_keys.revoke(adb, user.user_id, key.key.api_key_id)
        async with asyncio.timeout(10):
            while await verify():
                pass
    listening = keys._pacing._task
    assert listening is not None
    assert listening.done(), "once the cache is closed"


async def test_closing_does_not_wait_for_a_read_for_asyncio(
    adb: AsyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = asyncio.Event()

    async def stuck(_db: AsyncDatabase) -> None:
        reads.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10), AsyncLiveCache[str](adb, "api_keys") as cache:
        monkeypatch.setattr(cache, "_try_to_renew", stuck)
        cache._pacing._hinted.set()
        await reads.wait()


async def test_an_error_of_loading_is_raised_for_asyncio(adb: AsyncDatabase) -> None:
    async def fail() -> str:
        raise KeyError("a")

    async with AsyncLiveCache[str](adb, "api_keys") as cache:
        with pytest.raises(KeyError):
            await cache.get("a", fail)
        assert not cache._loading


@pytest.mark.long("waits until entries are too old")
def test_a_cache_that_cannot_read_loads_each_time_and_says_why(
    db: Database, oadb_database_url: str
) -> None:
    observer = Observer(oadb_database_url)
    load = Loads(Owned(1))
    with LiveCache[object](db, "api_keys") as cache:
        observer.rows("alter table oadb.changes rename to gone")
        eventually(lambda: cache.error)
        assert isinstance(cache.error, UndefinedTable)
        eventually(lambda: cache.age_seconds > 1)
        cache.get("a", load)
        cache.get("a", load)
        assert load.count == 2
        observer.rows("alter table oadb.gone rename to changes")
        eventually(lambda: cache.error is None)
