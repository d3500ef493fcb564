"""API keys: created, verified, rotated, revoked and opened."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import api_key_rows, api_keys, key_uses, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError, SealError, UnavailableError
from oadb.security.refusals import Refusal
from oadb.security.tokens import sha256_of
from tests.conftest import RING
from tests.support.accounts import issue, new_user
from tests.support.databases import unreachable
from tests.support.declared import declaration
from tests.support.notifications import heard
from tests.support.rig import Observer


def test_a_key_is_verified_by_the_token_that_was_shown_once(db: Database, user_id: int) -> None:
    issued = issue(db, user_id, order_mode="semi_auto", scopes=["orders", "quotes"])

    assert api_keys.verify(db, issued.token) == VerifiedKey(
        user_id, issued.key.api_key_id, ["orders", "quotes"], "semi_auto", None
    )
    assert issued.token.reveal() not in repr(issued)
    assert (issued.key.name, issued.key.is_kept, issued.key.expires_at) == (
        "TradingView",
        False,
        None,
    )


def test_a_hint_tells_keys_apart_and_gives_little_away(db: Database, user_id: int) -> None:
    issued = issue(db, user_id)
    text = issued.token.reveal()

    assert issued.key.hint == f"{text[:8]}...{text[-4:]}"


@pytest.mark.parametrize("keep", [False, True])
def test_the_database_holds_no_token(
    db: Database, observer: Observer, user_id: int, keep: bool
) -> None:
    token = issue(db, user_id, keep_token=keep).token.reveal()
    ((row,),) = observer.rows("select k::text from oadb.api_keys as k where user_id = %s", user_id)

    assert token not in row
    assert token.encode().hex() not in row
    assert token[8:-4].encode().hex() not in row


def test_a_user_may_have_several_keys_listed_newest_first(db: Database, user_id: int) -> None:
    issued = [issue(db, user_id, scopes=[str(n)]) for n in range(3)]
    verified = [api_keys.verify(db, each.token) for each in issued]

    assert [each.scopes for each in verified if isinstance(each, VerifiedKey)] == [
        ["0"],
        ["1"],
        ["2"],
    ]
    assert api_keys.list_by_user(db, user_id).rows == [each.key for each in reversed(issued)]
    assert api_keys.list_by_user(db, new_user(db)).rows == []


def test_an_unknown_token_is_refused_as_unknown(db: Database) -> None:
    assert api_keys.verify(db, api_key_rows.TOKEN.new(1)) is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text[:0], id="empty"),
        pytest.param(lambda text: text[:-1], id="cut"),
        pytest.param(lambda text: text + "0", id="longer"),
        pytest.param(lambda text: "oas" + text[3:], id="of another kind"),
        pytest.param(lambda text: text[:4] + text[4:].swapcase(), id="typo"),
        pytest.param(lambda text: text[:-1] + "\0", id="nul"),
        pytest.param(lambda text: text[:-1] + "\ud800", id="surrogate"),
        pytest.param(lambda text: text * 20_000, id="a megabyte"),
    ],
)
def test_a_malformed_token_costs_no_query(change: Callable[[str], str]) -> None:
    text = change(api_key_rows.TOKEN.new(1).reveal())

    assert api_keys.verify(unreachable(), Secret(text)) is Refusal.UNKNOWN


def test_an_unavailable_database_raises_and_refuses_no_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(UnavailableError):
        api_keys.verify(unreachable(), api_key_rows.TOKEN.new(1))
    caplog.clear()


@pytest.mark.holds("F33")
def test_a_key_expires_by_the_clock_of_the_database(
    db: Database, observer: Observer, user_id: int
) -> None:
    issued = issue(db, user_id, lifetime=timedelta(hours=1))
    assert isinstance(api_keys.verify(db, issued.token), VerifiedKey)
    observer.rows(
        "update oadb.api_keys set expires_at = now() - interval '1 microsecond' where user_id = %s",
        user_id,
    )

    assert api_keys.verify(db, issued.token) is Refusal.EXPIRED
    assert api_keys.get_order_mode(db, user_id, issued.key.api_key_id) is None
    api_keys.revoke(db, user_id, issued.key.api_key_id)
    assert api_keys.verify(db, issued.token) is Refusal.REVOKED


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"name": "x" * 101}, "api_keys_name_check"),
        ({"scopes": ["x"] * 51}, "api_keys_scopes_check"),
    ],
    ids=["long name", "51 scopes"],
)
def test_a_key_with_an_invalid_value_is_not_created(
    db: Database, user_id: int, given: dict[str, Any], constraint: str
) -> None:
    whole = {"name": "x", "order_mode": "auto", **given}
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        api_keys.create(db, user_id, **whole)

    assert refused.value.diag.constraint_name == constraint
    assert api_keys.list_by_user(db, user_id).rows == []


@pytest.mark.parametrize("mode", ["", "AUTO", "semi-auto", "manual"])
def test_an_unknown_order_mode_is_refused(db: Database, user_id: int, mode: Any) -> None:
    key_id = issue(db, user_id, order_mode="semi_auto").key.api_key_id
    message = r"order_mode must be one of auto, semi_auto$"
    with pytest.raises(ParameterError, match=rf"^api_keys\.create: {message}"):
        issue(db, user_id, order_mode=mode)
    with pytest.raises(ParameterError, match=rf"^api_keys\.set_order_mode: {message}"):
        api_keys.set_order_mode(db, user_id, key_id, mode)

    assert api_keys.get_order_mode(db, user_id, key_id) == "semi_auto"
    assert len(api_keys.list_by_user(db, user_id)) == 1


@pytest.mark.parametrize("lifetime", [timedelta(), timedelta(microseconds=-1), timedelta.min])
def test_a_lifetime_that_is_not_above_0_is_refused(
    db: Database, user_id: int, lifetime: timedelta
) -> None:
    with pytest.raises(ParameterError, match=r"^api_keys\.create: lifetime must be above 0$"):
        issue(db, user_id, lifetime=lifetime)

    assert api_keys.list_by_user(db, user_id).rows == []


def test_an_unknown_user_gets_no_key(db: Database) -> None:
    with pytest.raises(NoRowError, match=rf"^api_keys\.create: there is no user {2**62}$"):
        issue(db, 2**62)


def test_keys_are_deleted_with_their_user(db: Database, user_id: int) -> None:
    issued = issue(db, user_id)
    users.delete(db, user_id)

    assert api_keys.verify(db, issued.token) is Refusal.UNKNOWN


@pytest.mark.long("fills the table")
def test_one_index_scan_finds_a_key_among_ten_thousand_of_its_user(
    db: Database, observer: Observer, user_id: int
) -> None:
    """Whether its token names the user or not."""
    issued = issue(db, user_id)
    observer.rows(
        "insert into oadb.api_keys (user_id, api_key_id, name, hint, token_digest, fingerprint, "
        "scopes, order_mode) select user_id, gen_random_uuid(), 'x', 'x', "
        "sha256(n::text::bytea), fingerprint, '{}', 'auto' "
        "from oadb.api_keys, generate_series(1, 10000) as n where user_id = %s",
        user_id,
    )
    observer.rows("analyze oadb.api_keys")
    (digest,) = api_key_rows.TOKEN.digests(RING, sha256_of(issued.token))
    shown = f"'\\x{digest.hex()}'::bytea"
    plans = [
        generic_plan(observer, "api_keys._find_by_digest", shown),
        generic_plan(observer, "api_keys._find_by_digest +user_id", f"{shown}, {user_id}"),
    ]
    observer.rows("delete from oadb.api_keys where user_id = %s and name = 'x'", user_id)

    for plan in plans:
        scans = plan["Plans"]  # of the key, and of its user, who may be disabled
        assert {scan.get("Index Name") for scan in scans} == {
            "api_keys_token_digest_idx",
            "users_pkey",
        }, plan
        assert [(scan["Actual Rows"], scan["Actual Loops"]) for scan in scans] == [(1, 1), (1, 1)]
        assert not any("Plans" in scan for scan in scans)


def generic_plan(observer: Observer, label: str, values: str) -> Any:
    """Return the plan by which the server runs a statement again and again."""
    with psycopg.connect(observer._url, autocommit=True) as connection:
        connection.execute(b"prepare lookup as " + declaration(label).wire_sql)
        for _ in range(8):  # from the sixth on, the server may use a generic plan
            connection.execute(f"execute lookup ({values})".encode())
        row = connection.execute(
            f"explain (analyze, format json) execute lookup ({values})".encode()
        ).fetchone()
    assert row is not None
    return row[0][0]["Plan"]


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(db: Database, user_id: int) -> None:
    issued, other = issue(db, user_id), issue(db, user_id)

    assert api_keys.revoke(db, user_id, issued.key.api_key_id)
    assert api_keys.verify(db, issued.token) is Refusal.REVOKED
    assert isinstance(api_keys.verify(db, other.token), VerifiedKey)
    listed = {each.api_key_id: each.revoked_at for each in api_keys.list_by_user(db, user_id)}
    assert not api_keys.revoke(db, user_id, issued.key.api_key_id)
    assert listed == {
        each.api_key_id: each.revoked_at for each in api_keys.list_by_user(db, user_id)
    }
    assert listed[issued.key.api_key_id] is not None


def test_a_user_cannot_read_or_change_the_key_of_another(db: Database, user_id: int) -> None:
    issued, other = issue(db, user_id, keep_token=True), new_user(db)
    key_id = issued.key.api_key_id

    assert not api_keys.revoke(db, other, key_id)
    assert api_keys.rotate(db, other, key_id) is None
    assert not api_keys.set_order_mode(db, other, key_id, "semi_auto")
    assert api_keys.open_kept(db, other, key_id) is None
    assert api_keys.get_order_mode(db, other, key_id) is None
    assert key_uses._store(db, [other], [key_id]) == 0
    assert api_keys.get(db, other, key_id) is None
    assert not api_keys.rename(db, other, key_id, "mine")
    assert not api_keys.set_scopes(db, other, key_id, ["all"])
    assert api_keys.list_by_user(db, user_id).rows == [issued.key]


def test_changes_are_announced_and_calls_that_change_nothing_are_not(
    db: Database, url: str, user_id: int
) -> None:
    key_id, unknown = issue(db, user_id).key.api_key_id, uuid4()

    def work() -> None:
        api_keys.set_order_mode(db, user_id, key_id, "semi_auto")
        api_keys.set_order_mode(db, user_id, unknown, "semi_auto")
        api_keys.rotate(db, user_id, key_id)
        api_keys.rotate(db, user_id, unknown)
        api_keys.revoke(db, user_id, key_id)
        api_keys.revoke(db, user_id, key_id)

    assert heard(url, work) == [Change("api_keys", user_id, str(key_id))] * 3


def test_a_rotated_key_keeps_its_scopes_and_mode_and_its_old_token_is_unknown_at_once(
    db: Database, user_id: int
) -> None:
    issued = issue(db, user_id, order_mode="semi_auto", scopes=["orders"])
    before = api_keys.verify(db, issued.token)
    key_uses._store(db, [user_id], [issued.key.api_key_id])
    token = api_keys.rotate(db, user_id, issued.key.api_key_id)

    assert token is not None
    assert api_keys.verify(db, token) == before
    assert api_keys.verify(db, issued.token) is Refusal.UNKNOWN
    (key,) = api_keys.list_by_user(db, user_id)
    assert key.hint == f"{token.reveal()[:8]}...{token.reveal()[-4:]}"
    assert key.created_at == issued.key.created_at
    assert key.rotated_at is not None
    assert key.last_used_at is None


def test_a_revoked_key_cannot_be_rotated(db: Database, user_id: int) -> None:
    issued = issue(db, user_id)
    api_keys.revoke(db, user_id, issued.key.api_key_id)

    assert api_keys.rotate(db, user_id, issued.key.api_key_id) is None
    assert not api_keys.set_order_mode(db, user_id, issued.key.api_key_id, "semi_auto")
    assert api_keys.verify(db, issued.token) is Refusal.REVOKED


def test_an_expired_key_is_not_rotated_and_nothing_is_announced(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    issued = issue(db, user_id, lifetime=timedelta(hours=1))
    observer.rows("update oadb.api_keys set expires_at = now() where user_id = %s", user_id)
    rotated: list[Secret | None] = []

    def work() -> None:
        rotated.append(api_keys.rotate(db, user_id, issued.key.api_key_id))

    assert heard(url, work) == []
    assert rotated == [None]
    assert api_keys.verify(db, issued.token) is Refusal.EXPIRED
    (key,) = api_keys.list_by_user(db, user_id)
    assert (key.hint, key.rotated_at) == (issued.key.hint, None)


def test_a_token_is_read_again_only_if_it_was_kept_and_until_it_is_revoked(
    db: Database, observer: Observer, user_id: int
) -> None:
    kept, shown_once = issue(db, user_id, keep_token=True), issue(db, user_id)

    assert api_keys.open_kept(db, user_id, kept.key.api_key_id) == kept.token
    assert kept.key.is_kept
    assert api_keys.open_kept(db, user_id, shown_once.key.api_key_id) is None
    assert api_keys.open_kept(db, user_id, uuid4()) is None
    rotated = api_keys.rotate(db, user_id, kept.key.api_key_id)
    assert rotated is not None
    assert api_keys.open_kept(db, user_id, kept.key.api_key_id) == rotated
    api_keys.rotate(db, user_id, shown_once.key.api_key_id)
    assert api_keys.open_kept(db, user_id, shown_once.key.api_key_id) is None
    api_keys.revoke(db, user_id, kept.key.api_key_id)
    assert api_keys.open_kept(db, user_id, kept.key.api_key_id) is None
    assert (
        observer.rows(
            "select from oadb.api_keys where user_id = %s and kept_token is not null", user_id
        )
        == []
    )


def test_a_kept_token_that_was_moved_is_not_opened(
    db: Database, observer: Observer, user_id: int
) -> None:
    mine, other = issue(db, user_id, keep_token=True), issue(db, new_user(db), keep_token=True)
    observer.rows(
        "update oadb.api_keys set kept_token = other.kept_token from oadb.api_keys as other "
        "where api_keys.api_key_id = %s and other.api_key_id = %s",
        mine.key.api_key_id,
        other.key.api_key_id,
    )

    with pytest.raises(SealError):
        api_keys.open_kept(db, user_id, mine.key.api_key_id)


def test_an_order_mode_is_set_and_read(db: Database, user_id: int) -> None:
    issued = issue(db, user_id, order_mode="semi_auto")
    key_id = issued.key.api_key_id

    assert api_keys.get_order_mode(db, user_id, key_id) == "semi_auto"
    assert api_keys.set_order_mode(db, user_id, key_id, "auto")
    assert api_keys.get_order_mode(db, user_id, key_id) == "auto"
    verified = api_keys.verify(db, issued.token)
    assert isinstance(verified, VerifiedKey)
    assert verified.order_mode == "auto"


def test_an_unknown_or_revoked_key_has_no_order_mode(db: Database, user_id: int) -> None:
    issued = issue(db, user_id)
    api_keys.revoke(db, user_id, issued.key.api_key_id)

    assert api_keys.get_order_mode(db, user_id, uuid4()) is None
    assert api_keys.get_order_mode(db, user_id, issued.key.api_key_id) is None


def test_a_token_is_not_accepted_in_place_of_an_id(db: Database, user_id: int) -> None:
    issued = issue(db, user_id, order_mode="semi_auto")
    token: Any = issued.token
    for given in (token, token.reveal(), str(user_id)):
        with pytest.raises(ParameterError) as refused:
            api_keys.get_order_mode(db, given, issued.key.api_key_id)
        assert token.reveal() not in str(refused.value)
        with pytest.raises(ParameterError):
            api_keys.get_order_mode(db, user_id, given)


async def test_keys_work_for_asyncio(adb: AsyncDatabase) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    issued = await api_keys.create(adb, asha.user_id, "bot", order_mode="auto", keep_token=True)
    key_id = issued.key.api_key_id

    assert isinstance(await api_keys.verify(adb, issued.token), VerifiedKey)
    assert await api_keys.open_kept(adb, asha.user_id, key_id) == issued.token
    rotated = await api_keys.rotate(adb, asha.user_id, key_id)
    assert rotated is not None
    assert await api_keys.verify(adb, issued.token) is Refusal.UNKNOWN
    assert await api_keys.revoke(adb, asha.user_id, key_id)
    assert await api_keys.verify(adb, rotated) is Refusal.REVOKED
