"""IP trackers: every hit counts, at once or one by one, and enough of them ban, once."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.bans import ip_bans, trackers
from oadb.bans.trackers import Suspect
from oadb.errors import TransactionError
from oadb.settings import app_settings
from tests.support.bans import age_ban, age_tracker, db, ip, many
from tests.support.notifications import hinted
from tests.support.rig import Observer, threads

__all__ = ["db", "ip", "many"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEY = Secret("oak_not-one-of-ours")


@pytest.fixture(autouse=True)
def _no_automatic_bans(db: Database) -> Generator[None]:
    yield
    rules(
        db,
        auto_ban_enabled=False,
        not_found_threshold=100,
        not_found_ban=None,
        bad_key_threshold=100,
        bad_key_ban=None,
    )


def rules(db: Database, **given: Any) -> None:
    app_settings.update_security(db, by=None, **{"auto_ban_enabled": True, **given})


def suspect(db: Database, kind: trackers.TrackedKind, ip: str) -> Suspect | None:
    found = trackers.list_suspects(db, kind, least_hits=1, limit=1000)
    return next((each for each in found if each.network == ip), None)


# Defect 34: 200 hits by 8 threads counted 56 to 79, in up to 8 rows.
@pytest.mark.parametrize("kind", ["not_found", "bad_key"])
def test_200_hits_by_8_threads_count_200(
    many: Database, ip: str, kind: trackers.TrackedKind
) -> None:
    def hit(number: int) -> int | None:
        if kind == "not_found":
            return trackers.track_not_found(many, ip, f"/{number}").hits
        return trackers.track_bad_key(many, ip, key=Secret(f"key {number}")).hits

    with threads(8) as pool:
        counted = list(pool.map(hit, range(200)))
    found = suspect(many, kind, ip)

    assert sorted(each or 0 for each in counted) == [*range(1, 201)]
    assert found is not None
    assert found.hits == 200
    assert len(found.samples) == len({*found.samples}) == 50


def test_threads_that_cross_the_threshold_together_make_one_ban(
    many: Database, observer: Observer, ip: str
) -> None:
    rules(many, not_found_threshold=50, not_found_ban=HOUR, bad_key_threshold=50)

    def hit(number: int) -> trackers.Tracked:
        return trackers.track_not_found(many, ip, f"/{number}")

    def work() -> None:
        with threads(8) as pool:
            tracked.extend(pool.map(hit, range(120)))

    tracked: list[trackers.Tracked] = []
    announced = hinted(work)
    (made,) = [each.ban for each in tracked if each.ban]

    assert announced == [ip_bans.CHANNEL]
    assert made.offences == 1
    assert ip_bans.find_by_ip(many, ip) == made
    assert made.expires_at is not None
    assert made.expires_at - made.banned_at == HOUR
    assert observer.ask("select count(*) from oadb.ip_bans where network = %s::inet", ip) == 1


def test_threads_of_which_each_could_ban_make_one_ban(many: Database, ip: str) -> None:
    rules(many, not_found_threshold=1, bad_key_threshold=1, not_found_ban=HOUR)

    def hit(number: int) -> trackers.Tracked:
        if number % 2:
            return trackers.track_bad_key(many, ip, key=KEY)
        return trackers.track_not_found(many, ip, "/")

    with threads(8) as pool:
        tracked = list(pool.map(hit, range(40)))

    assert [each.ban.offences for each in tracked if each.ban] == [1]


# Defect 35: a wrong key that was cached as wrong was not counted again.
def test_the_same_wrong_key_counts_each_time(db: Database, ip: str) -> None:
    assert [trackers.track_bad_key(db, ip, key=KEY).hits for _ in range(5)] == [1, 2, 3, 4, 5]

    found = suspect(db, "bad_key", ip)
    assert found is not None
    assert len(found.samples) == 1


def test_a_wrong_key_is_stored_as_a_keyed_digest(db: Database, observer: Observer, ip: str) -> None:
    trackers.track_bad_key(db, ip, key=Secret("hunter2 by mistake"))
    trackers.track_bad_key(db, ip, key=Secret("\ud800"))
    trackers.track_bad_key(db, ip)
    kept = observer.ask("select samples from oadb.ip_trackers where network = %s::inet", ip)

    assert [len(each) for each in kept] == [16, 16]
    assert all(set(each) <= set("0123456789abcdef") for each in kept)
    assert "hunter2" not in str(kept)


def test_a_path_is_kept_once_and_without_its_query(db: Database, ip: str) -> None:
    long = "/" + "placesmartorder/" * 20
    for path in ("/a?token=secret", "/a#secret", "/a", "/b\0", long, "?apikey=s"):
        trackers.track_not_found(db, ip, path)

    found = suspect(db, "not_found", ip)
    assert found is not None
    assert found.hits == 6
    assert found.samples == ["/a", "/***", "/" + "placesmartorder/" * 12 + "placesm", ""]


def test_hits_count_for_24_hours_from_the_first(db: Database, observer: Observer, ip: str) -> None:
    for path in "/a", "/b":
        trackers.track_not_found(db, ip, path)
    age_tracker(observer, ip, DAY - timedelta(minutes=1))
    assert trackers.track_not_found(db, ip, "/c").hits == 3

    age_tracker(observer, ip, timedelta(minutes=1))
    assert suspect(db, "not_found", ip) is None
    assert trackers.track_not_found(db, ip, "/d").hits == 1
    found = suspect(db, "not_found", ip)
    assert found is not None
    assert found.samples == ["/d"]


def test_enough_hits_ban_the_network_and_start_a_new_tracker(
    db: Database, observer: Observer, ip: str
) -> None:
    rules(db, bad_key_threshold=3, bad_key_ban=HOUR)

    tracked = [trackers.track_bad_key(db, ip, key=KEY) for _ in range(4)]
    made = tracked[2].ban

    assert [each.hits for each in tracked] == [1, 2, 3, None]
    assert made is not None
    assert made.reason == "3 requests with a wrong API key"
    assert suspect(db, "bad_key", ip) is None
    age_ban(observer, ip, HOUR)
    again = [trackers.track_bad_key(db, ip, key=KEY) for _ in range(3)]
    assert [each.hits for each in again] == [1, 2, 3]
    assert again[2].ban is not None
    assert (again[2].ban.offences, again[2].ban.expires_at) == (2, None)


# Defect 36: the tracker was deleted although there was no ban.
@pytest.mark.parametrize("address", ["10.9.8.7", "192.0.2.9"])
def test_exempt_networks_are_counted_and_not_banned(db: Database, address: str) -> None:
    ip_bans.exempt(db, "192.0.2.0/24", "the office")
    rules(db, not_found_threshold=2)

    def work() -> None:
        tracked.extend(trackers.track_not_found(db, address, "/") for _ in range(4))

    tracked: list[trackers.Tracked] = []

    assert hinted(work) == []
    assert [each.hits for each in tracked] == [1, 2, 3, 4]
    assert [each.ban for each in tracked] == [None] * 4


def test_an_exemption_written_meanwhile_keeps_the_hits(
    db: Database, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = trackers._claim

    async def claimed(tx: Any, *args: Any) -> Any:
        ip_bans.exempt(db.outside(), ip, "just now")
        return await claim(tx, *args)

    monkeypatch.setattr(trackers, "_claim", claimed)
    rules(db, not_found_threshold=1)

    assert trackers.track_not_found(db, ip, "/").ban is None
    assert trackers.track_not_found(db, ip, "/").hits == 2


@pytest.mark.parametrize(
    "given",
    [
        {"auto_ban_enabled": False},
        {"auto_ban_enabled": False, "not_found_threshold": 1},
        {"not_found_threshold": 0},
        {"not_found_threshold": 6},
    ],
    ids=["defaults", "not enabled", "0", "not reached"],
)
def test_a_network_that_the_settings_do_not_ban_is_only_counted(
    db: Database, ip: str, given: dict[str, Any]
) -> None:
    rules(db, **given)
    tracked = [trackers.track_not_found(db, ip, "/") for _ in range(5)]

    assert [each.hits for each in tracked] == [1, 2, 3, 4, 5]
    assert ip_bans.find_by_ip(db, ip) is None


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({}, (100, None)),
        ({"not_found_threshold": 1, "bad_key_threshold": 1}, (1, None)),
        (
            {
                "not_found_threshold": 5,
                "bad_key_threshold": 5,
                "not_found_ban": 87_600 * HOUR,
                "bad_key_ban": 87_600 * HOUR,
            },
            (5, timedelta(hours=87_600)),
        ),
    ],
    ids=["defaults", "for ever", "for hours"],
)
def test_the_rules_come_from_the_settings(
    db: Database, observer: Observer, given: dict[str, Any], rule: tuple[int, timedelta | None]
) -> None:
    rules(db, **given)

    found = observer.rows("select kind, threshold, duration from oadb.ban_rules order by kind")
    assert found == [("bad_key", *rule), ("not_found", *rule)]


def test_a_change_of_the_settings_counts_from_the_next_hit_on(db: Database, ip: str) -> None:
    rules(db, not_found_threshold=3)
    assert [trackers.track_not_found(db, ip, "/").ban for _ in range(2)] == [None, None]
    rules(db, not_found_threshold=2, not_found_ban=HOUR)

    made = trackers.track_not_found(db, ip, "/").ban

    assert made is not None
    assert made.reason == "3 requests that were not found"
    assert made.expires_at is not None


def test_a_transaction_is_refused_because_its_rollback_would_undo_a_hit(
    db: Database, ip: str
) -> None:
    with db.transaction() as tx, pytest.raises(TransactionError, match="track_not_found"):
        trackers.track_not_found(tx, ip, "/")

    assert suspect(db, "not_found", ip) is None


def test_one_network_is_one_suspect(db: Database) -> None:
    for address in ("2001:db8:5::1", "2001:db8:5::2", "2001:DB8:5:0:9::"):
        trackers.track_not_found(db, address, "/")

    found = suspect(db, "not_found", "2001:db8:5::/64")
    assert found is not None
    assert found.hits == 3


def test_suspects_are_listed_by_hits_and_counted(db: Database) -> None:
    for number in (3, 1, 2):
        for _ in range(number):
            trackers.track_bad_key(db, f"203.0.113.{number}")

    found = [
        each.network for each in trackers.list_suspects(db, "bad_key", least_hits=1, limit=1000)
    ]
    mine = [each for each in found if each.startswith("203.0.113.")]

    assert mine == ["203.0.113.3", "203.0.113.2", "203.0.113.1"]
    assert trackers.count_suspects(db, "bad_key", least_hits=1) == len(found)
    assert len(trackers.list_suspects(db, "bad_key", least_hits=1, limit=2)) == 2


def test_a_tracker_can_be_deleted(db: Database, ip: str) -> None:
    trackers.track_not_found(db, ip, "/")

    assert trackers.delete(db, "not_found", ip) is True
    assert trackers.delete(db, "not_found", ip) is False
    assert suspect(db, "not_found", ip) is None


async def test_expired_and_surplus_trackers_are_swept(
    adb: AsyncDatabase, oadb_database_url: str
) -> None:
    observer = Observer(oadb_database_url)
    for number in range(6):
        await trackers.track_not_found(adb, f"203.0.113.{number}", "/")
        age_tracker(observer, f"203.0.113.{number}", timedelta(minutes=10 - number))
    age_tracker(observer, "203.0.113.4", DAY)
    swept = [await trackers.delete_expired(adb, batch=2, most=3) for _ in range(3)]
    left = await trackers.list_suspects(adb, "not_found", least_hits=1)

    assert swept == [2, 1, 0]
    assert {each.network[-1] for each in left} == {"2", "3", "5"}


def test_a_hit_that_does_not_ban_is_one_statement(
    db: Database, ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("a second statement")

    monkeypatch.setattr(trackers, "_ban", never)

    rules(db, not_found_threshold=2)
    assert trackers.track_not_found(db, ip, "/").hits == 1
