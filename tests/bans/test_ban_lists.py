"""Lists of bans, exemptions and suspects, read in pages: each row appears once."""

from collections.abc import Callable
from typing import Any

import pytest

from oadb import Config, Database
from oadb.bans import ip_bans, trackers
from oadb.bans.trackers import Suspect
from oadb.engine.binding.pages import Page
from oadb.errors import ParameterError
from tests.support.rig import Observer

ListPage = Callable[..., Page[Any]]

AT_ONCE = (
    "insert into oadb.ip_bans (network, reason, offences, banned_at) "
    "select ('203.0.113.' || n)::inet, 'x', 1, '2026-01-01' from generate_series(1, 7) as n"
)


def networks(list_page: ListPage, **given: Any) -> list[list[str]]:
    """Return the networks of each page of three."""
    pages, cursor = [], None
    while True:
        page = list_page(cursor=cursor, limit=3, **given)
        pages.append([each.network for each in page])
        cursor = page.next
        if cursor is None:
            return pages


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    return Observer(oadb_database_url)


def test_bans_of_the_same_moment_are_listed_once_each(config: Config, observer: Observer) -> None:
    observer.rows(AT_ONCE)
    observer.rows(
        "insert into oadb.ip_bans (network, reason, offences, banned_at) "
        "values ('2001:db8:1::/64', 'x', 1, '2026-01-01'), ('203.0.113.9', 'x', 1, '2026-01-02')"
    )
    with Database(config) as db:
        found = networks(lambda **given: ip_bans.list_all(db, **given))

    assert found == [
        ["203.0.113.9", "2001:db8:1::/64", "203.0.113.7"],
        ["203.0.113.6", "203.0.113.5", "203.0.113.4"],
        ["203.0.113.3", "203.0.113.2", "203.0.113.1"],
    ]


def test_bans_that_come_and_go_while_pages_are_read_move_no_other(
    db: Database, observer: Observer
) -> None:
    observer.rows(AT_ONCE)
    first = ip_bans.list_all(db, limit=3)
    ip_bans.ban(db, "203.0.113.200", "newer", by=None)
    ip_bans.unban(db, first.rows[-1].network)
    ip_bans.unban(db, "203.0.113.2")
    rest = ip_bans.list_all(db, limit=3, cursor=first.next)

    assert [each.network[-1] for each in (*first, *rest)] == ["7", "6", "5", "4", "3", "1"]
    assert rest.next is None


def test_a_page_of_bans_is_as_long_as_its_limit_with_expired_ones_between(
    db: Database, observer: Observer
) -> None:
    observer.rows(AT_ONCE)
    observer.rows(
        "update oadb.ip_bans set expires_at = '2026-01-02' "
        "where network in ('203.0.113.7', '203.0.113.5')"
    )

    assert [each.network[-1] for each in ip_bans.list_all(db, limit=3)] == ["6", "4", "3"]
    assert len(ip_bans.list_all(db, with_expired=True)) == 7


def test_exemptions_are_listed_once_each_in_order(db: Database, observer: Observer) -> None:
    for number in range(5):
        ip_bans.exempt(db, f"203.0.113.{number}", "office")
    ip_bans.exempt(db, "2001:db8::/48", "office")
    pages = networks(lambda **given: ip_bans.list_exemptions(db, **given))
    found = [network for page in pages for network in page]

    assert all(len(page) == 3 for page in pages[:-1])
    assert found == [each.network for each in ip_bans.list_exemptions(db, limit=1000)]
    assert found == [
        network
        for (network,) in observer.rows(
            "select abbrev(network) from oadb.ban_exemptions order by network"
        )
    ]
    assert {"203.0.113.0", "203.0.113.4", "2001:db8::/48", "0.0.0.0/8", "ff00::/8"} <= {*found}


def hit(db: Database, network: str, times: int = 1) -> None:
    for _ in range(times):
        trackers.track_not_found(db, network, "/")


def test_suspects_with_as_many_hits_are_listed_once_each(db: Database) -> None:
    for number in (2, 10, 1, 20, 3, 100, 4):
        hit(db, f"203.0.113.{number}", 2)
    hit(db, "203.0.113.9", 3)
    hit(db, "203.0.113.8")
    trackers.track_bad_key(db, "203.0.113.1")
    found = networks(lambda **given: trackers.list_suspects(db, "not_found", least_hits=1, **given))

    assert [[each.rpartition(".")[2] for each in page] for page in found] == [
        ["9", "1", "2"],
        ["3", "4", "10"],
        ["20", "100", "8"],
    ]
    assert trackers.count_suspects(db, "not_found", least_hits=2) == 8
    (most,) = trackers.list_suspects(db, "not_found", least_hits=3)
    assert (most.network, most.hits) == ("203.0.113.9", 3)
    assert trackers.count_suspects(db, "not_found") == 0


def test_a_suspect_that_is_hit_while_pages_are_read_moves_alone(db: Database) -> None:
    for number in range(1, 6):
        hit(db, f"203.0.113.{number}", 2)
    first = trackers.list_suspects(db, "not_found", least_hits=1, limit=2)
    hit(db, "203.0.113.4")  # to the first page, which was read
    hit(db, "203.0.113.6")
    rest: list[Suspect] = trackers.list_suspects(
        db, "not_found", least_hits=1, cursor=first.next
    ).rows

    assert [each.network[-1] for each in (*first, *rest)] == ["1", "2", "3", "5", "6"]


def test_a_cursor_of_another_list_is_refused(db: Database, observer: Observer) -> None:
    observer.rows(AT_ONCE)
    hit(db, "198.51.100.1")
    hit(db, "198.51.100.2")
    lists: dict[str, ListPage] = {
        "ip_bans.list_all": lambda **given: ip_bans.list_all(db, **given),
        "ip_bans.list_exemptions": lambda **given: ip_bans.list_exemptions(db, **given),
        "trackers.list_suspects": lambda **given: trackers.list_suspects(
            db, "not_found", least_hits=1, **given
        ),
    }
    cursors = {name: list_page(limit=1).next for name, list_page in lists.items()}

    assert all(cursors.values())
    for name, list_page in lists.items():
        foreign = [each for other, each in cursors.items() if other != name]
        for cursor in (*foreign, "", "x"):
            with pytest.raises(ParameterError, match=f"^{name}: cursor is not one of this list"):
                list_page(cursor=cursor)
        for limit in (0, 1001):
            with pytest.raises(ParameterError, match=f"^{name}: limit must be 1 to 1000$"):
                list_page(limit=limit)
    with pytest.raises(ParameterError, match="cursor is not one of this list"):
        trackers.list_suspects(
            db, "bad_key", least_hits=1, cursor=cursors["trackers.list_suspects"]
        )
    with pytest.raises(ParameterError, match="cursor is not one of this list"):
        ip_bans.list_all(db, with_expired=True, cursor=cursors["ip_bans.list_all"])


@pytest.mark.parametrize("call", ["list_suspects", "count_suspects", "delete"])
def test_an_unknown_kind_is_refused(db: Database, call: str) -> None:
    given = ("404", "203.0.113.1") if call == "delete" else ("404",)
    with pytest.raises(
        ParameterError, match=rf"^trackers\.{call}: kind must be one of not_found, bad_key$"
    ):
        getattr(trackers, call)(db, *given)
