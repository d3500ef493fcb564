"""Tokens that were found to belong to a row are remembered as digests, and only some of them."""

from uuid import UUID

import pytest

from oadb import Secret
from oadb.security.opened_tokens import Opened, OpenedTokens

OPENED = Opened(7, UUID(int=1), b"sealed")


def test_a_token_is_known_until_it_is_forgotten() -> None:
    opened = OpenedTokens()
    opened.remember(Secret("token"), OPENED)

    assert opened.find(Secret("token")) == OPENED
    assert opened.find(Secret("other")) is None
    opened.forget(Secret("token"))
    opened.forget(Secret("token"))
    assert opened.find(Secret("token")) is None


def test_only_the_last_tokens_are_known() -> None:
    opened = OpenedTokens(most=2)
    for text in ("a", "b", "a", "c"):
        opened.remember(Secret(text), OPENED)

    assert [text for text in "abc" if opened.find(Secret(text))] == ["a", "c"]
    assert len(opened) == 2


@pytest.mark.parametrize("text", ["a" * 101, "\udc80", "é"])
def test_what_cannot_be_a_token_is_not_known(text: str) -> None:
    opened = OpenedTokens()
    opened.remember(Secret(text), OPENED)

    assert opened.find(Secret(text)) is None
    opened.forget(Secret(text))


def test_a_digest_is_held_that_another_process_does_not_compute() -> None:
    first, second = OpenedTokens(), OpenedTokens()
    for opened in (first, second):
        opened.remember(Secret("token"), OPENED)

    assert b"token" not in b"".join(first._opened)
    assert first._opened.keys().isdisjoint(second._opened)
