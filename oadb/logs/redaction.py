"""Redaction of rows, in the thread of the caller, before they are queued.

A body keeps listed fields, at any depth; other fields are left out and counted. Texts that are
kept are cut, and what looks like a secret is replaced (see ``secret_patterns``). No value makes
redaction raise.
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
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


Row = TypeVar("Row", bound=_Dataclass)

# Characters searched beyond the cut, so that the cut leaves no part of a secret that is too short
# to be recognised.
_MARGIN = 1000

DEEPEST, MOST_VALUES, MOST_CHARACTERS = 12, 2000, 65536
"""Levels, values and characters kept of a body; a mark replaces the rest."""

_TOO_DEEP, _TOO_MUCH, _UNREADABLE = "[deeper]", "[more]", "[unreadable]"

# Most characters, power of ten and bits of a number. jsonb holds larger ones; real data has none.
_LONGEST_NUMBER, _MOST_EXPONENT, _MOST_BITS = 60, 400, 200

# Limits of the cache of texts without secrets: common texts, such as paths and hosts, cost one
# lookup, and are in memory once for all rows.
_MOST_CLEAN, _LONGEST_CLEAN = 10_000, 200

_PLAIN = frozenset({int, float, bool, type(None)})
_SPELLED = (date, time, timedelta, UUID)
_quoted = encode_basestring


Values = tuple[object, ...]
Redacted = tuple[Values, int]
"""Redacted values, and about how many bytes they take."""

# Bytes that a row takes besides its texts; measured.
_ROW_BYTES = 500


class Redaction:
    """Redacts texts, bodies and rows. *more* names fields to keep in addition to FIELDS."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        names = [*more]
        if not all(isinstance(name, str) and name for name in cast("list[object]", names)):
            raise ParameterError("fields must be names of fields, as non-empty texts")
        self._fields = FIELDS | {name.lower() for name in names}
        # As JSON with a colon, for names that a body has in lower case, as most do.
        self._names = {name: f"{_quoted(name)}: " for name in self._fields}
        self._clean: dict[str | None, str | None] = {None: None}
        self._quoted: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return *text* cut to 2000 characters, with what looks like a secret replaced."""
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
        """Return *text*, redacted, as a JSON string that jsonb accepts."""
        found = self._quoted.get(text)
        if found is None:
            found = _quoted(storable(self.text(text)))
            if text in self._clean:
                if len(self._quoted) >= _MOST_CLEAN:
                    self._quoted = {}
                self._quoted[text] = found
        return found

    def body(self, body: object) -> str:
        """Return *body*, redacted, as JSON that jsonb accepts."""
        try:
            return _Rendering(self.quoted, self._quoted, self._names).render(body, DEEPEST)
        except Exception:  # noqa: BLE001  # methods of values may raise anything
            return _quoted(_UNREADABLE)

    def flat(self, texts: Values, others: Values) -> Redacted:
        """Redact the values of a row without bodies; cheap if all *texts* were seen before."""
        try:
            kept = tuple(map(self._clean.__getitem__, cast("tuple[str]", texts)))
        except (KeyError, TypeError):
            return self.mixed(texts + others, frozenset())
        if not _PLAIN.issuperset(map(type, others)):
            return self.mixed(texts + others, frozenset())
        return kept + others, _ROW_BYTES

    def mixed(self, values: Values, bodies: AbstractSet[int]) -> Redacted:
        """Redact the values of a row; those at the indexes *bodies* become JSON."""
        kept = tuple(
            self.body(value) if place in bodies and value is not None else self.value(value)
            for place, value in enumerate(values)
        )
        return kept, _ROW_BYTES + sum(map(_size, kept))

    def row(self, row: Row) -> Row:
        """Return a dataclass with its texts and bodies redacted, to be written by one statement."""
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
    """Return a row, redacted, to be written without a LogWriter."""
    return _default.row(row)


@dataclass(slots=True)
class _Rendering:
    """The rendering of one body as JSON, and how much more of it may be kept."""

    quoted: Callable[[str], str]
    known: Mapping[str, str]
    """Results of ``quoted`` for texts seen before."""
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
        # A copy: another thread may change the body meanwhile.
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
        """Return a field name as JSON, with its colon; None if the field must not be kept."""
        if not isinstance(key, str):
            return None
        key = str.__str__(key)
        name = self.names.get(key)
        return f"{_quoted(key)}: " if name is None and key.lower() in self.names else name

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


_default = Redaction()
