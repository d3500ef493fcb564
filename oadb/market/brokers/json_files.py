"""JSON files of one array or object of objects: reads chosen keys of each entry.

The standard library's decoder is run over a window of the text: as fast as decoding the whole text
at once, in a tenth of the memory (docs/decisions/0014).
"""

import json
import re
from collections.abc import Collection, Iterator
from itertools import repeat
from pathlib import Path
from typing import cast

from oadb.engine.binding.sendable_texts import unsendable
from oadb.errors import LoadError, RowError
from oadb.market.brokers.field_values import EmptyFieldError, cited
from oadb.market.brokers.files import BLOCK, Convert, OpenFile, T, opened, rejected
from oadb.market.instruments import Rejected

# A JSON object. Its values may have other types; _fields checks those that are read.
Entry = dict[str | None, str]

# Numbers stay as text; the layout of the file says how to read them.
_decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).raw_decode

_find_mark = re.compile(r"[ \t\r\n]*([\[,\]{}:])[ \t\r\n]*").match

# What opens and closes the whole file.
_ARRAY, _OBJECT = ("[", "]"), ("{", "}")

_EMPTY = repeat("")

_LONGEST_KEYS = 500


def rows(
    path: Path,
    columns: tuple[str | None, ...],
    convert: Convert[T],
    *,
    always: Collection[str] = (),
    named: bool = False,
) -> Iterator[T | Rejected]:
    """Read a JSON file and convert its entries.

    Args:
        columns: the keys whose values *convert* takes, in this order. None, a missing key and null
            give an empty value.
        convert: raises RowError for an entry that it cannot convert.
        always: the keys that every entry has.
        named: the file is an object, whose values are the entries.

    Yields:
        What *convert* returns for each entry, or Rejected.

    Raises:
        LoadError: the file is not an array of objects; names file and entry. Or it has other keys:
            the first entry lacks one that every entry has, or no entry has one that some need.
    """
    with opened(path) as source:
        unseen, needed, rejected_one = {*filter(None, columns)}, set[str](), Entry()
        for number, entry in enumerate(_Window(source, named=named).entries(), 1):
            if unseen:
                unseen.difference_update(entry)
                if number == 1:
                    _require_keys(source.name, entry, unseen.intersection(always))
            try:
                yield convert(_fields(entry, columns))
            except RowError as fault:
                if isinstance(fault, EmptyFieldError):
                    needed.add(fault.column)
                    rejected_one = entry
                yield rejected(f"{source.name}: entry {number}", fault, entry.values())
        _require_keys(source.name, rejected_one, unseen & needed)


def _require_keys(name: str, entry: Entry, missing: Collection[str]) -> None:
    if missing:
        keys = ", ".join(map(str, entry))[:_LONGEST_KEYS]
        raise LoadError(
            f"{name}: no entry has {', '.join(sorted(missing))}; the keys are {keys}. The broker "
            "has changed its format, or this is not its file"
        )


class _Window:
    """The part of a JSON text that is being decoded."""

    def __init__(self, source: OpenFile, *, named: bool) -> None:
        self._name = source.name
        self._named = named
        self._texts = source.texts()
        self._text = ""
        self._at = 0
        self._number = 0
        self._is_new = True

    def entries(self) -> Iterator[Entry]:
        """Yield the objects of the array, or of the object; the file must end after it."""
        opening, closing = _OBJECT if self._named else _ARRAY
        mark = self._read_mark(opening)
        if self._text.startswith(closing, self._at):
            mark = self._read_mark(closing)
        while mark != closing:
            yield from self._whole_entries()
            self._number += 1
            if self._named:
                self._value(str, "a name")
                self._read_mark(":")
            yield cast("Entry", self._value(dict, "an object"))
            mark = self._read_mark(f",{closing}")
        if self._at < len(self._text):
            raise self._fault("the file goes on after the last entry")

    def _whole_entries(self) -> list[Entry]:
        """Decode at once the entries of an array that are whole in the window, but for the last.

        None if one is invalid, which is then found by itself. Once for a window: the comma that
        ends the last one may stand inside of an entry.
        """
        if self._named or not self._is_new:
            return []
        self._is_new = False
        end = self._text.rfind("},", self._at) + 1
        try:
            found, _ = cast("tuple[list[object], int]", _decode(f"[{self._text[self._at : end]}]"))
        except (json.JSONDecodeError, RecursionError):
            return []
        if not all(isinstance(entry, dict) for entry in found) or not found:
            return []
        self._number, self._at = self._number + len(found), end
        self._read_mark(",")
        return cast("list[Entry]", found)

    def _value(self, kind: type, expected: str) -> object:
        """Decode a value of a kind."""
        while True:
            try:
                value, self._at = _decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._read_more():
                    raise self._fault(error.msg) from None
            except RecursionError:
                raise self._fault("nested too deeply") from None
            else:
                if isinstance(value, kind):
                    return value
                raise self._fault(f"not {expected}")

    def _read_mark(self, expected: str) -> str:
        """Read one of the *expected* marks and the white space around it."""
        while True:
            found = _find_mark(self._text, self._at)
            if found is None or found.end() == len(self._text):
                if self._read_more():
                    continue
                if found is None:
                    raise self._fault(f"expected {' or '.join(expected)}")
            if found[1] not in expected:
                raise self._fault(f"expected {' or '.join(expected)}")
            self._at = found.end()
            return found[1]

    def _read_more(self) -> bool:
        """Read more text into the window; False at the end of the file.

        Fails for an entry longer than a block, which no broker writes.
        """
        if len(self._text) - self._at > BLOCK:
            raise self._fault(f"an entry of more than {BLOCK:,} characters")
        text = next(self._texts, None)
        if text is None:
            return False
        self._text, self._at, self._is_new = self._text[self._at :] + text, 0, True
        return True

    def _fault(self, reason: str) -> LoadError:
        whole = "object" if self._named else "array"
        return LoadError(
            f"{self._name}: entry {self._number}: cut off, or not a JSON {whole} of objects "
            f"({reason}); fetch the file again"
        )


def _fields(entry: Entry, columns: tuple[str | None, ...]) -> tuple[str, ...]:
    values = tuple(map(entry.get, columns, _EMPTY))
    try:
        whole = "".join(values)
    except TypeError:
        values = tuple(map(_text, values))
        whole = "".join(values)
    if not whole.isascii() or "\0" in whole:
        fault = unsendable(whole)
        if fault is not None:
            raise RowError(f"it holds {fault}")
    return values


def _text(value: object) -> str:
    """Return a text or a number as text, null as an empty text; reject other values."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(f"{cited(str(value))} is neither text nor number")
    return value
