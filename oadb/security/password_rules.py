"""Rules for new passwords: none that is among the first that somebody tries.

The list has the words of which common passwords are made; digits and marks around a word, letters
written as digits, and a word that is repeated make no other password of it.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from oadb.errors import ParameterError
from oadb.security.secret import Secret

SHORTEST_NAME = 4
"""Characters of a name from which on a password must not contain it."""

# Digits and marks around a word that are easily tried; more of them are a password of their own.
_MOST_AROUND = 10

_LETTERS = str.maketrans("@4031!$57", "aaoeiisst")
_AROUND = re.compile(r"^[\W\d_]*|[\W\d_]*$")
_REPEATED = re.compile(r"(.{1,4}?)\1+|(.+)\2", re.DOTALL)
_ROWS = ("0123456789" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_ORDERED = (*_ROWS, *(row[::-1] for row in _ROWS))


def require_uncommon(password: Secret, names: Iterable[str]) -> None:
    """Refuse a password that is common, or has one of the names in it, in any letter case.

    Args:
        names: of the user; those shorter than SHORTEST_NAME do not count.

    Raises:
        ParameterError: it is; the text says why, and shows neither.
    """
    given = password.reveal().casefold()
    if any(len(name) >= SHORTEST_NAME and name.casefold() in given for name in names):
        raise ParameterError("a password must not contain the user's name or address")
    if is_common(password):
        raise ParameterError("the password is among those that are tried first; choose another one")


def is_common(password: Secret) -> bool:
    """Say whether a password is made of one common word, a row of keys, or a repetition."""
    given = password.reveal().casefold()
    repeated = _REPEATED.fullmatch(given)
    part = given if repeated is None else repeated[1] or repeated[2]
    if len(part) == 1 or (repeated is not None and len(part) <= 4):
        return True
    if part in _common() or any(part in row for row in _ORDERED):
        return True
    # A mark before a word may stand for its first letter, and a digit behind it for its last.
    begun = part[:1].translate(_LETTERS) + part[1:]
    words = {_AROUND.sub("", text) for text in (part, begun, part.translate(_LETTERS))}
    words |= {word.translate(_LETTERS) for word in words}
    return any(word in _common() and len(part) - len(word) <= _MOST_AROUND for word in words)


@cache
def _common() -> frozenset[str]:
    text = (files("oadb.security") / "common_passwords.txt").read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(" ".join(lines).split())
