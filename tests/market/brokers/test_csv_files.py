"""CSV files: plain, gzip, and damaged."""

import gzip
from pathlib import Path

import pytest

from oadb.errors import LoadError, RowError
from oadb.market.brokers import csv_files
from oadb.market.brokers.files import BLOCK
from oadb.market.instruments import Rejected

COLUMNS = ("a", "b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "f.csv"


def read(file: Path) -> list[tuple[str, ...] | Rejected]:
    return list(csv_files.rows(file, COLUMNS, tuple))


def refused(file: Path) -> str:
    with pytest.raises(LoadError) as error:
        read(file)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\n1,2\n3,4",
        b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n",
        b"a,b\n\n1,2\n\n3,4\n",
        b'"a","b"\n"1",2\n3,"4"\n',
        gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0),
        gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n", mtime=0) + gzip.compress(b"3,4\n", mtime=0),
    ],
    ids=["plain", "no last newline", "windows", "blank lines", "quotes", "gzip", "two members"],
)
def test_every_variant_of_a_file_is_read(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert read(file) == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize("length", [1, 3, 7, 40_000])
def test_lines_are_read_whole_wherever_a_block_ends(file: Path, length: int) -> None:
    lines = [("x" * length, "é€\U0001f600"[: n % 4]) for n in range(3 * BLOCK // length % 100_000)]
    file.write_bytes("".join(f"{a},{b}\n" for a, b in [COLUMNS, *lines]).encode())

    assert read(file) == lines


def test_a_row_that_does_not_convert_is_rejected_with_its_line_and_a_sample(file: Path) -> None:
    def convert(fields: tuple[str, ...]) -> str:
        if fields[0] == "x\ny":
            raise RowError("a is not a number")
        return fields[0]

    file.write_bytes(b'a,b\n1,"2"\n\n"x\ny",' + b"z" * 200 + b"\n3,4\n")

    assert list(csv_files.rows(file, COLUMNS, convert)) == [
        "1",
        Rejected("f.csv:5", "a is not a number", "x\ny," + "z" * 76),
        "3",
    ]


def test_a_ragged_line_is_rejected_and_the_rest_is_read(file: Path) -> None:
    file.write_bytes(b"a,b\n1\n1,2,3\n1,2\n")

    assert read(file) == [
        Rejected("f.csv:2", "1 fields; the first line has 2", "1"),
        Rejected("f.csv:3", "3 fields; the first line has 2", "1,2,3"),
        ("1", "2"),
    ]


def test_a_file_that_ends_in_the_middle_of_a_line_is_refused(file: Path) -> None:
    file.write_bytes(b"a,b\n1,2\n3")

    assert refused(file) == "f.csv:3: cut off in this line; fetch the file again"


def test_columns_are_found_by_name_and_none_gives_an_empty_field(file: Path) -> None:
    file.write_bytes(b"b,more,a\n1,2,3\n")

    assert list(csv_files.rows(file, ("a", None, "b"), tuple)) == [("3", "", "1")]


def test_the_heading_of_a_file_without_one_can_be_given(file: Path) -> None:
    file.write_bytes(b"1,2,3\n4,5,6\n")

    assert list(csv_files.rows(file, ("b", "a"), tuple, heading=COLUMNS)) == [
        ("2", "1"),
        ("5", "4"),
    ]
    with pytest.raises(LoadError, match=r"f\.csv:1: 3 columns; expected at least 4"):
        list(csv_files.rows(file, COLUMNS, tuple, heading=("a", "b", "c", "d")))


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0), b"\n", b"x,y\n1,2\n", b"a:b\n"]
)
def test_a_file_without_the_columns_says_what_is_expected(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert refused(file) == "f.csv:1: the heading lacks a, b; expected a, b"


def test_a_heading_that_names_a_column_twice_is_refused(file: Path) -> None:
    file.write_bytes(b"a,x,b,x,a\n1,2,3,4,5\n")

    assert refused(file) == "f.csv:1: the heading has a more than once"


@pytest.mark.parametrize("before", [0, 1, 10, 5000, BLOCK])
@pytest.mark.parametrize(("bad", "reason"), [(b"\xff", "not UTF-8"), (b"\0", "a NUL byte")])
def test_bytes_that_are_not_text_are_reported_with_their_line(
    file: Path, before: int, bad: bytes, reason: str
) -> None:
    file.write_bytes(b"a,b\n" + b"1,2\n" * before + b"1," + bad + b"\n" + b"1,2\n" * 10)

    assert refused(file).startswith(f"f.csv:{before + 2}: {reason}")


def test_a_file_that_ends_in_the_middle_of_a_character_is_refused(file: Path) -> None:
    file.write_bytes(b"a,b\n1,2\n3," + "é".encode()[:1])

    assert refused(file) == "f.csv:3: not UTF-8; fetch the file again"


@pytest.mark.long("writes 100 MB")
@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_100_megabytes_is_not_read_to_its_end(file: Path, *, packed: bool) -> None:
    opened = gzip.open if packed else open
    with opened(file, "wb") as out:
        out.write(b"a,b\n1,2\n")
        for _ in range(100):
            out.write(b"x" * 1_000_000)

    assert refused(file).startswith("f.csv:3: a line of more than 262,144 bytes")


def test_unbalanced_quotes_are_reported_with_their_line(file: Path) -> None:
    file.write_bytes(b'a,b\n1,2\n1,"2"x\n')

    assert refused(file).startswith("f.csv:3: not CSV: ")


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_quote_that_is_never_closed_is_refused(file: Path, lines: int) -> None:
    file.write_bytes(b'a,b\n1,"2\n' + b"1,2\n" * lines)

    assert "not CSV" in refused(file)


WHOLE = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))


@pytest.mark.parametrize(
    "content",
    [WHOLE[:3], WHOLE[:100], WHOLE[:-1], WHOLE[:-8], WHOLE[:-4] + b"\0\0\0\0", WHOLE + b"junk",
     WHOLE[:500] + b"\xff" * 20 + WHOLE[520:], b"\x1f\x8b" + b"\xff" * 100],
    ids=["magic", "head", "no last byte", "no sum", "length", "junk after", "middle", "noise"],
)  # fmt: skip  # a table
def test_a_damaged_gzip_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert "damaged gzip after line" in refused(file)


def test_a_path_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert (
        refused(tmp_path / "none.csv")
        == f"cannot read {tmp_path}/none.csv: No such file or directory"
    )
    assert refused(tmp_path) == f"cannot read {tmp_path}: Is a directory"
