"""Redaction of rows, in the thread of the caller, before they are queued.

A body keeps listed fields, at any depth; other fields are left out and counted. Texts that are
kept are cut, and what looks like a secret is replaced (see ``secret_patterns``); of the text of an
error, its template is kept. No value makes redaction raise.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields, replace
from json.encoder import encode_basestring as _quoted
from typing import ClassVar, Protocol, TypeVar, cast

from oadb.errors import ParameterError
from oadb.logs.body_rendering import DEEPEST, LONGEST_KNOWN, PLAIN, Rendering, window
from oadb.logs.texts import LONGEST, LONGEST_ERROR, cut, storable, visible
from oadb.security.kept_fields import FIELDS
from oadb.security.secret_forms import HIDDEN
from oadb.security.secret_patterns import MARGIN, hide_secrets, is_plain, template


class _Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


Row = TypeVar("Row", bound=_Dataclass)

_UNREADABLE = "[unreadable]"

# Most texts in the cache of those without secrets: common texts, such as paths and hosts, cost one
# lookup, and are in memory once for all rows.
_MOST_CLEAN = 10_000

# Digits of numbers of orders. Each comes once or twice: to remember it costs more than to read it.
_ORDER_NUMBERS = range(11, 26)

Values = tuple[object, ...]
Redacted = tuple[Values, int]
"""Redacted values, and about how many bytes they take."""

ERROR = "error"
"""The name of columns with the text of an error."""

# Bytes that a row takes besides its texts; measured.
_ROW_BYTES = 500


class Redaction:
    """Redacts texts, bodies and rows. *more* names fields to keep in addition to FIELDS.

    *note* is called with the name of each field of a body that is left out.
    """

    def __init__(
        self, more: Iterable[str] = (), note: Callable[[object], object] | None = None
    ) -> None:
        self._note = note
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
        if len(text) <= LONGEST_KNOWN and text in self._clean:
            return text
        hidden = hide_secrets(text[: LONGEST + MARGIN], self._fields)
        if hidden == text and len(text) <= LONGEST_KNOWN:
            if len(self._clean) >= _MOST_CLEAN:
                self._clean = {None: None}
            self._clean[text] = text
        return cut(hidden)

    def error(self, text: str) -> str:
        """Return the template of the text of an error, cut to 500 characters."""
        return cut(template(text[: LONGEST_ERROR + MARGIN], self._fields), LONGEST_ERROR)

    def quoted(self, text: str) -> str:
        """Return *text*, redacted, as a JSON string that jsonb accepts."""
        if len(text) > LONGEST_KNOWN:
            return _quoted(storable(self.text(text)))
        found = self._quoted.get(text)
        if found is None:
            if text.isdigit() and text.isascii() and len(text) in _ORDER_NUMBERS:
                return f'"{text}"'
            is_clean = is_plain(text)
            found = f'"{text}"' if is_clean else _quoted(storable(self.text(text)))
            if is_clean or text in self._clean:
                if len(self._quoted) >= _MOST_CLEAN:
                    self._quoted = {}
                self._quoted[text] = found
        return found

    def body(self, body: object) -> str:
        """Return *body*, redacted, as JSON that jsonb accepts."""
        try:
            return Rendering(self.quoted, self._quoted, self._names, self._note).render(
                body, DEEPEST
            )
        except Exception:  # noqa: BLE001  # methods of values may raise anything
            return _quoted(_UNREADABLE)

    def flat(self, texts: Values, others: Values) -> Redacted:
        """Redact the values of a row without bodies; cheap if all *texts* were seen before."""
        try:
            kept = tuple(map(self._clean.__getitem__, cast("tuple[str]", texts)))
        except (KeyError, TypeError):
            return self.mixed(texts + others)
        if not PLAIN.issuperset(map(type, others)):
            return self.mixed(texts + others)
        return kept + others, _ROW_BYTES

    def mixed(self, values: Values, error: int | None = None) -> Redacted:
        """Redact the values of a row without bodies; *error* is the index of an error's text."""
        kept = tuple(self.value(each, is_error=place == error) for place, each in enumerate(values))
        return kept, _ROW_BYTES + sum(map(_size, kept))

    def with_bodies(self, row: Redacted, bodies: Values) -> Redacted:
        """Add bodies, which become JSON, to the redacted values of a row."""
        values, size = row
        kept: list[str | None] = []
        for body in bodies:
            text = None if body is None else self.body(body)
            kept.append(text)
            size += _size(text)
        return (*values, *kept), size

    def row(self, row: Row) -> Row:
        """Return a dataclass with its texts and bodies redacted, to be written by one statement."""
        given = {field.name: getattr(row, field.name) for field in fields(row)}
        kept = {
            name: self._storable(value, is_error=name == ERROR) for name, value in given.items()
        }
        return replace(row, **kept)

    def _storable(self, value: object, *, is_error: bool) -> object:
        if isinstance(value, Mapping):
            body = json.loads(self.body(cast("object", value)))
            return cast("object", body) if isinstance(body, dict) else {HIDDEN: body}
        kept = self.value(value, is_error=is_error)
        return visible(kept) if isinstance(kept, str) else kept

    def value(self, value: object, *, is_error: bool = False) -> object:
        """Return *value*, redacted, as a number or a text; None stays None."""
        if type(value) in PLAIN:
            return value
        if isinstance(value, str):
            plain = window(value)
            return self.error(plain) if is_error else self.text(plain)
        return self.body(value)


def redacted(row: Row) -> Row:
    """Return a row, redacted, to be written without a LogWriter."""
    return _default.row(row)


def _size(value: object) -> int:
    if not isinstance(value, str):
        return 0
    return len(value) if value.isascii() else 4 * len(value)


_default = Redaction()
