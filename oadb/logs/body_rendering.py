"""Renders bodies as JSON with the fields that are listed; others are left out and counted."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from json.encoder import encode_basestring as _quoted
from math import isfinite
from numbers import Integral, Real
from typing import cast
from uuid import UUID

from oadb.logs.texts import LONGEST, cut
from oadb.security.secret_forms import HIDDEN
from oadb.security.secret_patterns import MARGIN

DEEPEST, MOST_VALUES, MOST_CHARACTERS = 12, 2000, 65536
"""Levels, values and characters kept of a body; a mark replaces the rest."""

LONGEST_KNOWN = 200
"""Characters of a text that is remembered, and looked up: to hash a longer one reads all of it."""

_TOO_DEEP, _TOO_MUCH = "[deeper]", "[more]"

# Characters that are read of a text, and of a name of a field; the rest changes nothing.
_READ, _LONGEST_NAME = LONGEST + MARGIN, 1000

# Most characters, power of ten and bits of a number. jsonb holds larger ones; real data has none.
_LONGEST_NUMBER, _MOST_EXPONENT, _MOST_BITS = 60, 400, 200

PLAIN = frozenset({int, float, bool, type(None)})
_SPELLED = (date, time, timedelta, UUID)

# Names of instruments: two of them in a list are not taken for a name and its value.
_SYMBOL = re.compile(r"[A-Z][A-Z0-9&_.-]{1,29}")

# A name has a letter.
_NAME = re.compile(r"(?=[^A-Za-z]{0,60}[A-Za-z])[\w.$ -]{1,60}")


@dataclass(slots=True)
class Rendering:
    """The rendering of one body as JSON, and how much more of it may be kept."""

    quoted: Callable[[str], str]
    known: Mapping[str, str]
    """Results of ``quoted`` for texts seen before."""
    names: Mapping[str, str]
    note: Callable[[object], object] | None = None
    """Called with the name of each field that is left out."""
    values: int = MOST_VALUES
    characters: int = MOST_CHARACTERS

    def render(self, value: object, depth: int) -> str:
        """Return a value as JSON, with at most *depth* levels of objects and lists."""
        self.values -= 1
        if type(value) is dict:
            return self._object(cast("dict[object, object]", value), depth)
        if type(value) in PLAIN:
            return self._plain(cast("float | None", value))
        if isinstance(value, str):
            return self._text(window(value))
        if isinstance(value, Mapping):
            return self._object(cast("Mapping[object, object]", value), depth)
        if isinstance(value, list | tuple | AbstractSet | deque):
            return self._array(cast("Iterable[object]", value), depth)
        return self._scalar(value)

    def _object(self, value: Mapping[object, object], depth: int) -> str:
        if depth <= 0:
            return _quoted(_TOO_DEEP)
        parts: list[str] = []
        names, known, hidden = self.names, self.known, 0
        # A copy: another thread may change the body meanwhile.
        pairs = list(islice(value.items(), MOST_VALUES))
        if "name" in value and "value" in value and not _is_named(value["name"], names):
            pairs = [(key, HIDDEN if key == "value" else each) for key, each in pairs]
        values, characters = self.values, self.characters
        for key, each in pairs:
            if values <= 0:
                break
            name = names.get(key) if type(key) is str else None
            if name is None and (name := self._name(key)) is None:
                values -= 1
                hidden += 1
            elif type(each) is str and characters > 0:
                values -= 1
                text = known.get(each) if len(each) <= LONGEST_KNOWN else None
                if text is None:
                    text = self.quoted(each)
                characters -= len(text)
                parts.append(name + text)
            else:
                self.values, self.characters = values, characters
                parts.append(name + self.render(each, depth - 1))
                values, characters = self.values, self.characters
        self.values, self.characters = values, characters
        if hidden:
            parts.append(f'"{HIDDEN}": {hidden}')
        if self.values <= 0 or len(value) > MOST_VALUES:
            parts.append(f"{_quoted(_TOO_MUCH)}: true")
        return "{" + ", ".join(parts) + "}"

    def _name(self, key: object) -> str | None:
        """Return a field name as JSON, with its colon; None, and noted, if it must not be kept."""
        if isinstance(key, str) and str.__len__(key) <= _LONGEST_NAME:
            plain = str.__str__(key)
            if (lowered := plain.lower()) in self.names:
                return self.names[plain] if plain == lowered else f"{_quoted(plain)}: "
        if self.note is not None:
            self.note(key)
        return None

    def _array(self, value: Iterable[object], depth: int) -> str:
        if depth <= 0:
            return _quoted(_TOO_DEEP)
        parts: list[str] = []
        for each in _unpaired(value, self.names):
            if self.values <= 0:
                parts.append(_quoted(_TOO_MUCH))
                break
            parts.append(self.render(each, depth - 1))
        return "[" + ", ".join(parts) + "]"

    def _plain(self, value: float | None) -> str:
        if value is None or value is True or value is False:
            return _CONSTANTS[value]
        if isinstance(value, int):
            return _integer(value)
        return str(value) if isfinite(value) else _fractional(value)

    def _scalar(self, value: object) -> str:
        if isinstance(value, Enum):
            return self.render(value.value, 0)
        if isinstance(value, Integral):
            return _integer(int(value))
        if isinstance(value, Decimal | Real):
            return _fractional(value if isinstance(value, Decimal) else float(value))
        if isinstance(value, _SPELLED):
            return self._text(str(value))
        return _quoted(f"[{type(value).__name__}]")

    def _text(self, value: str) -> str:
        if self.characters <= 0:
            return _quoted(_TOO_MUCH)
        text = self.quoted(value)
        self.characters -= len(text)
        return text


def window(text: str) -> str:
    """Return *text* without what is not read of it, as a plain text whatever its class."""
    return str.__getitem__(text, slice(_READ))


def _is_named(name: object, names: Mapping[str, str]) -> bool:
    """Say whether the name of a field is listed, so that its value may be kept."""
    return isinstance(name, str) and str.__len__(name) <= _LONGEST_NAME and name.lower() in names


def _unpaired(value: Iterable[object], names: Mapping[str, str]) -> Iterable[object]:
    """Return a list; if it is a field, name and value, whose name is not listed, its name only."""
    if not isinstance(value, list | tuple):
        return value
    match cast("Sequence[object]", value):
        case [str(name), str() | int() | float() as each] if (
            _NAME.fullmatch(name) and name.lower() not in names and not _are_symbols(name, each)
        ):
            return name, HIDDEN
        case _:
            return value


def _are_symbols(*texts: object) -> bool:
    return all(isinstance(each, str) and _SYMBOL.fullmatch(each) for each in texts)


_CONSTANTS = {None: "null", True: "true", False: "false"}


def _integer(number: int) -> str:
    # Python refuses to convert much larger ones to text.
    return str(number) if number.bit_length() <= _MOST_BITS else _quoted("[a large number]")


def _fractional(number: Decimal | float) -> str:
    """Return a number as JSON; as a string if JSON has no such number (NaN) or it is too long."""
    text = str(number)
    finite = number.is_finite() if isinstance(number, Decimal) else isfinite(number)
    ordinary = (
        finite and len(text) <= _LONGEST_NUMBER and abs(Decimal(text).adjusted()) <= _MOST_EXPONENT
    )
    return text if ordinary else _quoted(cut(text, _LONGEST_NUMBER))
