"""Rules for new passwords: what is common, in which disguises, and what is not."""

import pytest

from oadb import Secret
from oadb.errors import ParameterError
from oadb.security import password_rules

COMMON = [
    "password", "Password1!", "P@ssw0rd2026", "$ecret123", "qwerty123", "QWERTYUIOP", "12345678",
    "12345678901234", "9876543210", "iloveyou12", "aaaaaaaa", "abcabcabc", "hunter2hunter2",
    "welcome@123", "Summer2026!", "trustno1", "asdfghjk", "1q2w3e4r", "!!!!!!!!", "letmein123456",
    "dragon123456789", "zerodha@2026", "ManchesterUnited", "monkeymonkey", "0penSesame",
]  # fmt: skip  # a list
UNCOMMON = [
    "correct horse", "correct horse battery", "third horse of all", "wrong horse", "secret word",
    "ppasswords", "tiger-lily", "zyxel gn4w brood", "monkey and dragon", "x7#Kq9!vLm2p", "ßßßñü€ab",
    "\ud800 not text",
]  # fmt: skip  # a list


@pytest.mark.parametrize("text", COMMON)
def test_a_common_password_is_refused_in_its_usual_disguises(text: str) -> None:
    with pytest.raises(ParameterError, match="tried first") as refused:
        password_rules.require_uncommon(Secret(text), ())
    assert text == "password" or text.casefold() not in str(refused.value).casefold()


@pytest.mark.parametrize("text", UNCOMMON)
def test_another_password_is_not_common(text: str) -> None:
    password_rules.require_uncommon(Secret(text), ())


@pytest.mark.parametrize("text", ["asha.rao rides", "I am ASHA.RAO!", "xasha.raox"])
def test_a_password_with_a_name_of_the_user_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="name or address") as refused:
        password_rules.require_uncommon(Secret(text), ("asha.rao", "someone"))
    assert "asha" not in str(refused.value).lower()


def test_a_name_of_a_few_letters_may_be_in_a_password() -> None:
    password_rules.require_uncommon(Secret("same old horse"), ("sam", "old"))


def test_the_list_has_hundreds_of_words_in_small_letters_and_says_where_it_is_from() -> None:
    words = password_rules._common()

    assert len(words) > 900
    assert all(word == word.casefold() for word in words)


def test_a_long_password_costs_little() -> None:
    """Whatever it repeats: the patterns do not look back without a bound."""
    password_rules.is_common(Secret("ab" * 511 + "c"))
    password_rules.is_common(Secret("a" * 1023 + "b"))
