"""Redaction: what of a row may be kept at all. Done by the caller, before anything is queued.

A body keeps the fields of a list, at any depth, and counts the others. Whatever is kept as text
is cut, and loses what looks like a secret (patterns). Nothing that is given raises an error.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import Field, dataclass, fields, replace
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from json.encoder import encode_basestring
from math import isfinite
from numbers import Integral, Real
from typing import ClassVar, Protocol, TypeVar, cast
from uuid import UUID

from oadb.errors import ParameterError
from oadb.logs.kept_fields import FIELDS
from oadb.logs.secret_patterns import HIDDEN, hide_secrets
from oadb.logs.texts import LONGEST, cut, storable, visible


class _Dataclass(Protocol):
    """What every dataclass has."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


Row = TypeVar("Row", bound=_Dataclass)

# Read on beyond the cut, so that no half of a secret is left at it, too short to be told.
_MARGIN = 1000

DEEPEST, MOST_VALUES, MOST_CHARACTERS = 12, 2000, 65536
"""Levels, values and characters of a body; what is beyond them is marked."""

_TOO_DEEP, _TOO_MUCH, _UNREADABLE = "[deeper]", "[more]", "[unreadable]"

# Characters, power of ten, and bits of a number: jsonb holds larger ones, but nobody means them.
_LONGEST_NUMBER, _REACH, _MOST_BITS = 60, 400, 200

# Texts that were found clean: the usual ones, paths and hosts, then cost one look-up, and one place
# in memory however many rows have them.
_MOST_CLEAN, _LONGEST_CLEAN = 10_000, 200

_PLAIN = frozenset({int, float, bool, type(None)})
_SPELLED = (date, time, timedelta, UUID)
_quoted = encode_basestring


Values = tuple[object, ...]
Redacted = tuple[Values, int]
"""Values that may be kept, and about how many bytes they take."""

# Of a row beside its texts; measured.
_ROW_BYTES = 500


class Redaction:
    """Redacts texts, bodies and rows; *more* are names of fields to keep beside FIELDS."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        names = [*more]
        if not all(isinstance(name, str) and name for name in cast("list[object]", names)):
            raise ParameterError("fields must be names of fields")
        self._fields = FIELDS | {name.lower() for name in names}
        # As they are usually written, ready to be followed by a value.
        self._names = {name: f"{_quoted(name)}: " for name in self._fields}
        self._clean: dict[str | None, str | None] = {None: None}
        self._quoted: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return *text*, cut to 2000 characters, without what looks like a secret."""
        if text in self._clean:
            return text
        window = text[: LONGEST + _MARGIN]
        hidden = hide_secrets(window, self._fields)
        if hidden == text and len(text) <= _LONGEST_CLEAN:
            if len(self._clean) >= _MOST_CLEAN:
                self._clean = {None: None}
            self._clean[text] = text
        return cut(hidden)

    def quoted(self, text: str) -> str:
        """Return ``text`` of *text* as JSON that jsonb takes."""
        found = self._quoted.get(text)
        if found is None:
            found = _quoted(storable(self.text(text)))
            if text in self._clean:
                if len(self._quoted) >= _MOST_CLEAN:
                    self._quoted = {}
                self._quoted[text] = found
        return found

    def body(self, body: object) -> str:
        """Return *body* as JSON that jsonb takes, with the fields that may be kept."""
        try:
            return _Rendering(self.quoted, self._quoted, self._names).render(body, DEEPEST)
        except Exception:  # noqa: BLE001  # a body can be anything: its own methods may raise
            return _quoted(_UNREADABLE)

    def flat(self, texts: Values, others: Values) -> Redacted:
        """Return *texts* and *others* redacted, which costs little where all were met before."""
        try:
            kept = tuple(map(self._clean.__getitem__, cast("tuple[str]", texts)))
        except (KeyError, TypeError):
            return self.mixed(texts + others, frozenset())
        if not _PLAIN.issuperset(map(type, others)):
            return self.mixed(texts + others, frozenset())
        return kept + others, _ROW_BYTES

    def mixed(self, values: Values, bodies: AbstractSet[int]) -> Redacted:
        """Return *values* redacted, those in the places *bodies* as JSON."""
        kept = tuple(
            self.body(value) if place in bodies and value is not None else self.value(value)
            for place, value in enumerate(values)
        )
        return kept, _ROW_BYTES + sum(map(_size, kept))

    def row(self, row: Row) -> Row:
        """Return a dataclass with its texts and bodies redacted, for a statement of one row."""
        given = {field.name: getattr(row, field.name) for field in fields(row)}
        kept = {name: self._storable(value) for name, value in given.items()}
        return replace(row, **kept)

    def _storable(self, value: object) -> object:
        if isinstance(value, Mapping):
            body = json.loads(self.body(cast("object", value)))
            return cast("object", body) if isinstance(body, dict) else {HIDDEN: body}
        kept = self.value(value)
        return visible(kept) if isinstance(kept, str) else kept

    def value(self, value: object) -> object:
        """Return *value*, redacted, as a number or a text; None stays None."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, str):
            return self.text(str.__str__(value))
        return self.body(value)


def redacted(row: Row) -> Row:
    """Return a row of logs as it may be stored, for who stores it without a LogWriter."""
    return _usual.row(row)


@dataclass(slots=True)
class _Rendering:
    """One body on its way to JSON, and how much more of it there may be."""

    quoted: Callable[[str], str]
    known: Mapping[str, str]
    """What ``quoted`` returned of texts that were met before."""
    names: Mapping[str, str]
    values: int = MOST_VALUES
    characters: int = MOST_CHARACTERS

    def render(self, value: object, depth: int) -> str:
        self.values -= 1
        if type(value) is dict:
            return self._object(cast("dict[object, object]", value), depth)
        if type(value) in _PLAIN:
            return self._plain(cast("float | None", value))
        if isinstance(value, str):
            return self._text(str.__str__(value))
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
        # A copy, since others may change it meanwhile.
        for key, each in list(islice(value.items(), MOST_VALUES)):
            if self.values <= 0:
                break
            name = names.get(key) if type(key) is str else None
            name = name or self._name(key)
            if name is None:
                self.values -= 1
                hidden += 1
            elif type(each) is str:
                self.values -= 1
                parts.append(name + self._text(each, known.get(each)))
            else:
                parts.append(name + self.render(each, depth - 1))
        if hidden:
            parts.append(f"{_quoted(HIDDEN)}: {hidden}")
        if self.values <= 0 or len(value) > MOST_VALUES:
            parts.append(f"{_quoted(_TOO_MUCH)}: true")
        return "{" + ", ".join(parts) + "}"

    def _name(self, key: object) -> str | None:
        """Return the name of a field that may be kept, as JSON has it."""
        if not isinstance(key, str):
            return None
        key = str.__str__(key)
        usual = self.names.get(key)
        return f"{_quoted(key)}: " if usual is None and key.lower() in self.names else usual

    def _array(self, value: Iterable[object], depth: int) -> str:
        if depth <= 0:
            return _quoted(_TOO_DEEP)
        parts: list[str] = []
        for each in value:
            if self.values <= 0:
                parts.append(_quoted(_TOO_MUCH))
                break
            parts.append(self.render(each, depth - 1))
        return "[" + ", ".join(parts) + "]"

    def _plain(self, value: float | None) -> str:
        if value is None or value is True or value is False:
            return _CONSTANTS[value]
        if isinstance(value, int):
            return _whole(value)
        return str(value) if isfinite(value) else _broken(value)

    def _scalar(self, value: object) -> str:
        if isinstance(value, Enum):
            return self.render(value.value, 0)
        if isinstance(value, Integral):
            return _whole(int(value))
        if isinstance(value, Decimal | Real):
            return _broken(value if isinstance(value, Decimal) else float(value))
        if isinstance(value, _SPELLED):
            return self._text(str(value))
        return _quoted(f"[{type(value).__name__}]")

    def _text(self, value: str, known: str | None = None) -> str:
        if self.characters <= 0:
            return _quoted(_TOO_MUCH)
        text = known or self.quoted(value)
        self.characters -= len(text)
        return text


_CONSTANTS = {None: "null", True: "true", False: "false"}


def _size(value: object) -> int:
    if not isinstance(value, str):
        return 0
    return len(value) if value.isascii() else 4 * len(value)


def _whole(number: int) -> str:
    # Python spells no much longer ones.
    return str(number) if number.bit_length() <= _MOST_BITS else _quoted("[a large number]")


def _broken(number: Decimal | float) -> str:
    """Return a number as JSON has it; as a text where JSON has none, such as NaN."""
    text = str(number)
    finite = number.is_finite() if isinstance(number, Decimal) else isfinite(number)
    ordinary = finite and len(text) <= _LONGEST_NUMBER and abs(Decimal(text).adjusted()) <= _REACH
    return text if ordinary else _quoted(cut(text, _LONGEST_NUMBER))


_usual = Redaction()
