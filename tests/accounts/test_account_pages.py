"""Lists of accounts in pages: each row on one page, also where many have the same time."""

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oadb import Database
from oadb.accounts import api_keys, broker_tokens, login_attempts, login_audit, sessions, users
from oadb.engine.binding.pages import Page
from oadb.errors import ParameterError
from tests.conftest import configured
from tests.support.accounts import account, issue, new_user
from tests.support.broker_logins import put, tokens
from tests.support.declared import module
from tests.support.each import for_each
from tests.support.rig import Observer

ListPage = Callable[..., Page[Any]]

ROWS = 7
LABELS = (
    "users.list_all", "sessions.list_by_user", "api_keys.list_by_user",
    "login_attempts.list_attempts", "login_attempts.list_attempts of a user",
    "broker_tokens.list_expiring", "broker_tokens.list_active", "broker_tokens.list_active oldest",
)  # fmt: skip  # a table

every_list = pytest.mark.parametrize("label", LABELS)


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with ROWS rows in each list, all of the same time, and a user who has them."""

    db: Database
    user_id: int
    observer: Observer

    @property
    def lists(self) -> dict[str, ListPage]:
        db, user_id = self.db, self.user_id
        return {
            "users.list_all": lambda **given: users.list_all(db, **given),
            "sessions.list_by_user": lambda **given: sessions.list_by_user(db, user_id, **given),
            "api_keys.list_by_user": lambda **given: api_keys.list_by_user(db, user_id, **given),
            "login_attempts.list_attempts": lambda **given: login_attempts.list_attempts(
                db, **given
            ),
            "login_attempts.list_attempts of a user": lambda **given: login_attempts.list_attempts(
                db, user_id=user_id, **given
            ),
            "broker_tokens.list_expiring": lambda **given: broker_tokens.list_expiring(
                db, timedelta(days=2), **given
            ),
            "broker_tokens.list_active": lambda **given: broker_tokens.list_active(db, **given),
            "broker_tokens.list_active oldest": lambda **given: broker_tokens.list_active(
                db, oldest_first=True, **given
            ),
        }


@pytest.fixture(scope="module")
def filled(url: str) -> Generator[Filled]:
    observer = Observer(url)
    then = datetime(2026, 1, 1, tzinfo=UTC)
    with Database(configured(url)) as db:
        made = [new_user(db) for _ in range(ROWS)]
        owner = made[0]
        for n in range(ROWS):
            sessions.create(db, account(db, owner), most=ROWS)
            issue(db, owner)
            put(db, made[n // 2], tokens(), f"broker{n % 2}")
            name = account(db, owner).username
            login_audit._record(db, name, None, None, None, "password", "failed")
        observer.rows("update oadb.sessions set created_at = %s", then)
        observer.rows("update oadb.api_keys set created_at = %s", then)
        observer.rows("update oadb.login_attempts set attempted_at = %s", then)
        observer.rows(
            "update oadb.broker_tokens set updated_at = %s, expires_at = now() + interval '1 day'",
            then,
        )
        yield Filled(db, owner, observer)


def paged(list_page: ListPage, limit: int, **given: Any) -> list[Any]:
    """Return the rows of all pages, of which all but the last must be full."""
    page = list_page(limit=limit, **given)
    rows = [*page]
    while page.next is not None:
        assert len(page) == limit
        page = list_page(limit=limit, cursor=page.next, **given)
        rows += page
        assert len(rows) <= ROWS
    return rows


@every_list
@for_each("limit", [1, 2, 3, ROWS, ROWS + 1, 1000])
def test_rows_of_the_same_time_are_on_one_page_each(filled: Filled, label: str, limit: int) -> None:
    rows = paged(filled.lists[label], limit)

    assert len(rows) == len({repr(row) for row in rows}) == ROWS
    assert rows == filled.lists[label]().rows


@for_each("label", LABELS)
def test_a_page_has_100_rows_unless_another_limit_is_given(label: str) -> None:
    name, _, function = label.partition(" ")[0].partition(".")
    limit = inspect.signature(getattr(module(name), function)).parameters["limit"]

    assert limit.default == 100


def test_each_list_has_its_order(filled: Filled) -> None:
    found = {label: list_page().rows for label, list_page in filled.lists.items()}
    later = filled.lists["login_attempts.list_attempts"](limit=1).rows[0].attempt_id
    keys: dict[str, Callable[[Any], Any]] = {
        "users.list_all": lambda row: row.user_id,
        "sessions.list_by_user": lambda row: -row.session_id.int,
        "api_keys.list_by_user": lambda row: -row.api_key_id.int,
        "login_attempts.list_attempts": lambda row: -row.attempt_id,
        "login_attempts.list_attempts of a user": lambda row: -row.attempt_id,
        "broker_tokens.list_expiring": lambda row: (row.user_id, row.broker),
        "broker_tokens.list_active": lambda row: (-row.user_id, -ord(row.broker[-1])),
        "broker_tokens.list_active oldest": lambda row: (row.user_id, row.broker),
    }

    assert users.count(filled.db) == ROWS
    assert later == max(row.attempt_id for row in found["login_attempts.list_attempts"])
    for label, rows in found.items():
        assert rows == sorted(rows, key=keys[label]), label


@every_list
def test_a_cursor_of_another_list_and_a_wrong_limit_are_refused(filled: Filled, label: str) -> None:
    lists = filled.lists
    cursors = {name: list_page(limit=1).next for name, list_page in lists.items()}
    own = cursors.pop(label)

    assert own is not None
    for cursor in (*cursors.values(), "", "x", own[:-2], own + "AA", own.swapcase()):
        with pytest.raises(
            ParameterError, match=f"^{label.partition(' ')[0]}: cursor is not one of this list"
        ):
            lists[label](cursor=cursor)
    for limit in (0, -1, 1001):
        with pytest.raises(
            ParameterError, match=f"^{label.partition(' ')[0]}: limit must be 1 to 1000$"
        ):
            lists[label](limit=limit)


@pytest.mark.parametrize("label", [each for each in LABELS if each.endswith("user")])
def test_a_cursor_of_one_user_is_refused_for_another(filled: Filled, label: str) -> None:
    cursor = filled.lists[label](limit=1).next
    other = Filled(filled.db, filled.user_id + 1, filled.observer)

    with pytest.raises(
        ParameterError, match=f"^{label.partition(' ')[0]}: cursor is not one of this list"
    ):
        other.lists[label](cursor=cursor)


def test_a_cursor_of_one_outcome_is_refused_for_another(filled: Filled) -> None:
    cursor = login_attempts.list_attempts(filled.db, outcome="failed", limit=1).next

    assert cursor is not None
    with pytest.raises(ParameterError, match="cursor is not one of this list"):
        login_attempts.list_attempts(filled.db, outcome="locked", cursor=cursor)


def test_users_who_come_and_go_while_pages_are_read_move_no_other(alone: Database) -> None:
    made = [new_user(alone) for _ in range(6)]
    first = users.list_all(alone, limit=2)
    for gone in (made[1], made[3]):  # the last one of the page, and one of the next page
        users.delete(alone, gone)
    late = new_user(alone)
    rest = users.list_all(alone, cursor=first.next)

    assert [each.user_id for each in first] == made[:2]
    assert [each.user_id for each in rest] == [made[2], made[4], made[5], late]


# Windows -----------------------------------------------------------------------------------------


@pytest.fixture
def minutes(alone: Database, oadb_database_url: str) -> list[datetime]:
    """Give the times of five attempts of a user, a minute apart, oldest first."""
    user_id = new_user(alone)
    name = account(alone, user_id).username
    for n in range(5):
        outcome: Any = "succeeded" if n % 2 else "failed"
        login_audit._record(alone, name, None, None, None, "password", outcome)
    Observer(oadb_database_url).rows(
        "update oadb.login_attempts set attempted_at = timestamptz '2026-01-01 00:00+00' "
        "+ attempt_id * interval '1 minute'"
    )
    return [each.attempted_at for each in login_attempts.list_attempts(alone)][::-1]


def test_a_window_includes_its_begin_and_excludes_its_end(
    alone: Database, minutes: list[datetime]
) -> None:
    window = {"since": minutes[1], "until": minutes[3]}
    user_id = login_attempts.list_attempts(alone).rows[0].user_id
    assert user_id is not None
    recent = login_attempts.list_attempts(alone, **window)
    theirs = login_attempts.list_attempts(alone, user_id=user_id, **window)

    assert [each.attempted_at for each in recent] == [minutes[2], minutes[1]]
    assert theirs.rows == recent.rows
    assert login_attempts.count(alone, **window) == 2
    assert login_attempts.count(alone, outcome="succeeded", **window) == 1
    assert login_attempts.count(alone, user_id=user_id, **window) == 2
    assert login_attempts.count(alone, user_id=user_id + 1, **window) == 0
    assert login_attempts.count(alone, since=minutes[4]) == 1
    assert login_attempts.count(alone, until=minutes[4]) == 4
    assert login_attempts.list_attempts(alone, since=minutes[2], until=minutes[2]).rows == []


def test_a_window_that_ends_before_it_begins_is_refused(
    alone: Database, minutes: list[datetime]
) -> None:
    window = {"since": minutes[1], "until": minutes[0]}
    calls: dict[str, Callable[[], object]] = {
        "list_attempts": lambda: login_attempts.list_attempts(alone, **window),
        "count": lambda: login_attempts.count(alone, **window),
    }
    for name, call in calls.items():
        with pytest.raises(ParameterError, match=f"^login_attempts.{name}: since is after until; "):
            call()


def test_attempts_of_other_users_and_of_unknown_names_are_not_listed_for_a_user(
    alone: Database,
) -> None:
    mine, other = new_user(alone), new_user(alone)
    for name in (account(alone, mine).username, account(alone, other).username, "nobody"):
        login_audit._record(alone, name, None, None, None, "password", "failed")

    assert [each.user_id for each in login_attempts.list_attempts(alone, user_id=mine)] == [mine]
    assert len(login_attempts.list_attempts(alone)) == 3
