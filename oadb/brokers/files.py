"""CSV files, plain or gzip, read line by line."""

import csv
import gzip
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from oadb.errors import LoadError

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a CSV file: its place, its fields by column, and what is wrong with its shape."""

    where: str
    fields: dict[str, str]
    fault: str | None = None


def records(path: Path, columns: tuple[str, ...]) -> Iterator[Record]:
    """Yield the lines of a CSV file with a heading that names at least *columns*.

    Raises LoadError naming file and line if the file cannot be read as such.
    """
    with _text(path) as text:
        reader = csv.reader(text, strict=True)
        try:
            heading = next(reader, list[str]())
            _require(path, heading, columns)
            for fields in reader:
                if fields:
                    yield _record(f"{path.name}:{reader.line_num}", heading, fields)
        except csv.Error as error:
            raise LoadError(f"{path.name}:{reader.line_num}: not CSV: {error}") from None
        except UnicodeDecodeError:
            raise LoadError(f"{path.name}:{reader.line_num + 1}: not UTF-8") from None
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise LoadError(
                f"{path.name}: damaged gzip after line {reader.line_num}; fetch the file again"
            ) from None


@contextmanager
def _text(path: Path) -> Generator[Iterator[str]]:
    try:
        with path.open("rb") as start:
            packed = start.read(2) == _GZIP
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror}") from None
    opened = gzip.open if packed else open
    with opened(path, "rb") as file:
        yield _decoded(file)


def _decoded(file: Iterable[bytes]) -> Iterator[str]:
    """Decode line by line, so that a fault is in the line that is being read."""
    lines = iter(file)
    for line in islice(lines, 1):
        yield line.decode("utf-8-sig")
    for line in lines:
        yield line.decode()


def _require(path: Path, heading: list[str], columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in heading]
    if missing:
        raise LoadError(
            f"{path.name}:1: the heading lacks {', '.join(missing)}; expected {', '.join(columns)}"
        )


def _record(where: str, heading: list[str], fields: list[str]) -> Record:
    if len(fields) != len(heading):
        return Record(where, {}, f"{len(fields)} fields; the heading has {len(heading)}")
    return Record(where, dict(zip(heading, fields, strict=True)))
