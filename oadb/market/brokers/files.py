"""Brokers' files, plain or gzip: opens them, decodes them, and reads a block at a time.

A file that is cut off, damaged or not text is never read as a shorter file: LoadError says where.
"""

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from oadb.errors import LoadError, RowError
from oadb.market.brokers.field_values import OmittedRowError
from oadb.market.instruments import Rejected

T = TypeVar("T")

Convert = Callable[[tuple[str, ...]], T]
"""Converts the fields of a line or an entry to a row; raises RowError."""

Together = tuple[frozenset[str], ...]
"""The exchanges of each file of a broker: a file that has one of a set must have all of the set."""

ALL_EXCHANGES: Together = (
    frozenset({"NSE", "NSE_INDEX", "NFO", "CDS", "BSE", "BSE_INDEX", "BFO", "MCX"}),
)
"""Those of a broker with one file; more may be in it."""


def a_file_each(*exchanges: str) -> Together:
    """Return *exchanges* as those of a broker with a file for each."""
    return tuple(frozenset({exchange}) for exchange in exchanges)


BLOCK = 1 << 18
"""Bytes read at once, and the maximum length of a line or an entry; brokers' are under 1,000."""

_SAMPLE = 80
"""Maximum length of a sample, in characters."""

_GZIP = b"\x1f\x8b"

# How files begin that are not text, what they are, and what to do with them.
_PACKED = {
    b"PK\x03\x04": ("a zip archive", "unpack it and load the file in it"),
    b"BZh": ("packed with bzip2", "unpack it with bunzip2"),
    b"\xfd7zXZ": ("packed with xz", "unpack it with unxz"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "unpack it with unzstd"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it and load the file in it"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "save it as CSV in UTF-8"),
    b"%PDF": ("a PDF document", "fetch the broker's file"),
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def rejected(where: str, fault: RowError, fields: Iterable[object]) -> Rejected:
    """Return the rejection of a row, with the beginning of its fields as a sample."""
    return Rejected(
        where,
        str(fault),
        ",".join(map(str, fields))[:_SAMPLE],
        fault.exchange,
        omitted=isinstance(fault, OmittedRowError),
    )


def checksum(path: Path) -> bytes | None:
    """Return the SHA-256 of a file; None if it cannot be read, as reading its rows raises why."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None


class OpenFile:
    """A file that is being read; counts its lines for errors."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.name = path.name
        self.unfinished = False
        self._file = file
        self._read = 0

    def lines(self) -> Iterator[str]:
        """Yield the lines with their line ends; ``unfinished`` says if the last one has none."""
        return chain.from_iterable(self._blocks_of_lines())

    def texts(self) -> Iterator[str]:
        """Yield the text in blocks, which may end anywhere."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        for block in self._blocks():
            yield self._decoded(block, decoder.decode)
        yield self._decoded(b"", lambda end: decoder.decode(end, final=True))

    def _blocks_of_lines(self) -> Iterator[io.StringIO]:
        rest = b""
        for block in self._blocks():
            whole, end, rest = (rest + block).rpartition(b"\n")
            yield io.StringIO(self._decoded(whole + end, bytes.decode), newline="\n")
            if len(rest) > BLOCK:
                raise LoadError(
                    f"{self.name}:{self._read + 1}: a line of more than {BLOCK:,} bytes; "
                    "this is not a broker's file"
                )
        self.unfinished = bool(rest)
        yield io.StringIO(self._decoded(rest, bytes.decode), newline="\n")

    def _blocks(self) -> Iterator[bytes]:
        try:
            first = self._file.read(BLOCK)
            _require_text(self.name, first)
            yield first.removeprefix(codecs.BOM_UTF8)
            while block := self._file.read(BLOCK):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise LoadError(
                f"{self.name}: damaged gzip after line {self._read}; fetch the file again"
            ) from None
        except OSError as error:
            raise LoadError(f"cannot read {self.name}: {error.strerror}") from None

    def _decoded(self, block: bytes, decode: Callable[[bytes], str]) -> str:
        """Decode a block; an error names its line."""
        try:
            text = decode(block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].count(b"\n")
            raise LoadError(
                f"{self.name}:{self._read + before + 1}: not UTF-8; fetch the file again"
            ) from None
        if "\0" in text:
            before = text[: text.index("\0")].count("\n")
            raise LoadError(f"{self.name}:{self._read + before + 1}: a NUL byte; this is not text")
        self._read += block.count(b"\n")
        return text


def _require_text(name: str, start: bytes) -> None:
    """Check by its start that a file is text in UTF-8, and not a page; otherwise say what it is."""
    for mark, (kind, advice) in _PACKED.items():
        if start.startswith(mark):
            raise LoadError(f"{name}: the file is {kind}; {advice}")
    if start[257:262] == b"ustar":
        raise LoadError(f"{name}: the file is a tar archive; unpack it and load the file in it")
    # Of ASCII characters in UTF-16 every second byte is 0.
    if start.startswith(_UTF_16) or (len(start) > 1 and 0 in start[:2] and start[:2] != b"\0\0"):
        raise LoadError(f"{name}: the file is in UTF-16; save it in UTF-8")
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        raise LoadError(
            f"{name}: the file is a page in HTML or XML, such as one that says why there is no "
            "file; look at it, and fetch the file again"
        )


@contextmanager
def opened(path: Path) -> Generator[OpenFile]:
    """Open a file, plain or gzip.

    Raises:
        LoadError: the file does not exist or cannot be read.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            plain = gzip.GzipFile(fileobj=file) if packed else file
            yield OpenFile(path, io.BufferedReader(cast("io.RawIOBase", plain), BLOCK))
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror}") from None


def is_json(path: Path) -> bool:
    """Return whether a file begins like a JSON array or object.

    Raises:
        LoadError: the file cannot be read.
    """
    with opened(path) as source:
        return next(source.texts()).lstrip().startswith(("[", "{"))
