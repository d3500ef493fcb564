"""Secret: nothing but reveal() shows the text."""

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable

import pytest

from oadb.security.secret import Secret

HIDDEN = "hunter2"
SECRET = Secret(HIDDEN)


@dataclasses.dataclass(frozen=True)
class Login:
    """Something with a secret in it."""

    name: str
    password: Secret


LOGIN = Login("asha", SECRET)

SHOWN: dict[str, Callable[[], str]] = {
    "repr": lambda: repr(SECRET),
    "str": lambda: str(SECRET),
    "format": lambda: format(SECRET, ">20"),
    "f-string": lambda: f"{SECRET} {SECRET!s} {SECRET!r} {SECRET!a} {SECRET:x>9}",
    "str.format": lambda: "{} {!r} {0}".replace("{0}", "").format(SECRET, SECRET),
    "percent s": lambda: "%s" % SECRET,  # noqa: UP031  # a way to show it
    "percent r": lambda: "%r" % SECRET,  # noqa: UP031  # a way to show it
    "in a list": lambda: str([SECRET]),
    "in a dict": lambda: str({"password": SECRET}),
    "in a dataclass": lambda: repr(LOGIN),
    "as a dict of a dataclass": lambda: repr(dataclasses.asdict(LOGIN)),
    "pretty": lambda: pprint.pformat(LOGIN),
    "as an argument of an exception": lambda: repr(ValueError(SECRET)) + str(ValueError(SECRET)),
    "in a note": lambda: f"{SECRET.__doc__}{dir(SECRET)}",
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_way_of_showing_shows_it(way: str) -> None:
    assert HIDDEN not in SHOWN[way]()


def test_stars_are_shown_instead() -> None:
    assert repr(SECRET) == "Secret(***)"
    assert str(SECRET) == f"{SECRET:>20}" == "***"


def test_only_reveal_shows_it() -> None:
    assert SECRET.reveal() == HIDDEN


def fail(password: Secret) -> None:
    raise ValueError(password, LOGIN)


def test_a_log_does_not_show_it() -> None:
    written = io.StringIO()
    logger = logging.Logger("test of secrets")  # noqa: LOG001  # for this test only
    logger.addHandler(logging.StreamHandler(written))
    logger.error("%s signed in with %s, %r", LOGIN, SECRET, SECRET)
    try:
        fail(SECRET)
    except ValueError:
        logger.exception("failed: %(password)s", {"password": SECRET})

    assert written.getvalue().count("***") == 6
    assert HIDDEN not in written.getvalue()


def test_a_traceback_does_not_show_it_even_with_local_variables() -> None:
    with pytest.raises(ValueError, match="Secret") as raised:
        fail(SECRET)
    shown = "".join(
        traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
    )

    assert "password = Secret(***)" in shown
    assert HIDDEN not in shown


def test_a_failed_assertion_does_not_show_it() -> None:
    other = Secret("another horse")
    with pytest.raises(AssertionError) as failed:
        assert other == SECRET
    with pytest.raises(AssertionError) as failed_beside:
        assert Login("asha", other) == LOGIN

    assert "Secret(***)" in str(failed.value)
    for shown in (str(failed.value), str(failed_beside.value)):
        assert HIDDEN not in shown
        assert "horse" not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    for value in (SECRET, LOGIN, [SECRET]):
        with pytest.raises(TypeError, match="a Secret cannot be pickled") as refused:
            pickle.dumps(value, protocol)
        assert HIDDEN not in "".join(traceback.format_exception(refused.value))


def test_it_cannot_be_hashed_or_made_json_or_ordered_or_counted() -> None:
    attempts: list[Callable[[], object]] = [
        lambda: hash(SECRET),
        lambda: {SECRET},
        lambda: hash(LOGIN),
        lambda: json.dumps({"password": SECRET}),
        lambda: SECRET < SECRET,  # type: ignore[operator]  # noqa: PLR0124  # must fail
        lambda: len(SECRET),  # type: ignore[arg-type]  # must fail
        lambda: [*SECRET],  # type: ignore[misc]  # must fail
        lambda: "".join([SECRET, ""]),  # type: ignore[list-item]  # noqa: FLY002  # must fail
        lambda: SECRET + "",  # type: ignore[operator]  # must fail
        lambda: vars(SECRET),
        lambda: "%d" % SECRET,  # noqa: UP031  # must fail
    ]
    for attempt in attempts:
        with pytest.raises(TypeError) as refused:
            attempt()
        assert HIDDEN not in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param("hunter2", "hunter2", True, id="same"),
        pytest.param("hunter2", "hunter3", False, id="last differs"),
        pytest.param("hunter2", "Hunter2", False, id="first differs"),
        pytest.param("hunter2", "hunter22", False, id="longer"),
        pytest.param("hunter2", "", False, id="empty"),
        pytest.param("", "", True, id="both empty"),
        pytest.param("\ud800", "\ud800", True, id="same surrogate"),
        pytest.param("\ud800", "\ud801", False, id="other surrogate"),
        pytest.param("\ud83d\udc0e", "\U0001f40e", False, id="pair and character"),
        pytest.param("é", "e\u0301", False, id="not normalized"),
        pytest.param("a\0b", "a\0c", False, id="behind a NUL"),
    ],
)
def test_two_are_equal_if_their_texts_are(one: str, other: str, equal: bool) -> None:
    assert (Secret(one) == Secret(other)) is equal
    assert (Secret(one) != Secret(other)) is not equal


def test_they_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("oadb.security.secret.compare_digest", compare)

    assert Secret("same") != Secret("same")
    assert Secret("short") != Secret("much longer")
    assert compared == [(b"same", b"same"), (b"short", b"much longer")]


def test_it_never_equals_a_plain_text() -> None:
    assert SECRET != HIDDEN
    assert HIDDEN != SECRET
    assert SECRET not in [HIDDEN, HIDDEN.encode(), None]


def test_a_copy_is_the_same_object() -> None:
    assert copy.copy(SECRET) is SECRET
    assert copy.deepcopy(SECRET) is SECRET
    assert copy.deepcopy([SECRET])[0] is SECRET
    assert dataclasses.asdict(LOGIN)["password"] is SECRET
    assert dataclasses.replace(LOGIN, name="ravi").password is SECRET
