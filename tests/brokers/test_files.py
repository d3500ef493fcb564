"""CSV files: plain or gzip, and every way in which one can be damaged."""

import gzip
from pathlib import Path

import pytest

from oadb.brokers.files import records
from oadb.errors import LoadError

COLUMNS = ("a", "b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "f.csv"


def refused(file: Path) -> str:
    with pytest.raises(LoadError) as error:
        list(records(file, COLUMNS))
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
def test_every_form_of_file_is_read(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert [r.fields for r in records(file, COLUMNS)] == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


def test_a_record_knows_its_place(file: Path) -> None:
    file.write_bytes(b'a,b\n1,"x\ny"\n\n3,4\n')

    assert [record.where for record in records(file, COLUMNS)] == ["f.csv:3", "f.csv:5"]


def test_a_ragged_line_is_told_and_the_rest_is_read(file: Path) -> None:
    file.write_bytes(b"a,b\n1\n1,2,3\n1,2\n")

    assert [(record.where, record.fault) for record in records(file, COLUMNS)] == [
        ("f.csv:2", "1 fields; the heading has 2"),
        ("f.csv:3", "3 fields; the heading has 2"),
        ("f.csv:4", None),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0), b"\n", b"x,y\n1,2\n"]
)
def test_a_file_without_the_columns_says_what_is_expected(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert refused(file) == "f.csv:1: the heading lacks a, b; expected a, b"


@pytest.mark.parametrize("before", [0, 1, 10, 5000])
def test_text_that_is_not_utf8_is_named_with_its_line(file: Path, before: int) -> None:
    file.write_bytes(b"a,b\n" + b"1,2\n" * before + b"1,\xff\n" + b"1,2\n" * 10)

    assert refused(file) == f"f.csv:{before + 2}: not UTF-8"


def test_quotes_that_do_not_match_are_named_with_their_line(file: Path) -> None:
    file.write_bytes(b'a,b\n1,2\n1,"2"x\n')

    assert refused(file).startswith("f.csv:3: not CSV: ")


def test_a_quote_that_is_never_closed_is_refused(file: Path) -> None:
    file.write_bytes(b'a,b\n1,"2\n1,2\n')

    assert "not CSV" in refused(file)


WHOLE = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))


@pytest.mark.parametrize(
    "content",
    [WHOLE[:3], WHOLE[:100], WHOLE[:-1], WHOLE[:-8], WHOLE[:-4] + b"\0\0\0\0", WHOLE + b"junk",
     WHOLE[:500] + b"\xff" * 20 + WHOLE[520:], b"\x1f\x8b" + b"\xff" * 100],
    ids=["magic", "head", "no last byte", "no sum", "length", "junk after", "middle", "noise"],
)  # fmt: skip
def test_a_damaged_gzip_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert "damaged gzip after line" in refused(file)


def test_what_is_no_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert (
        refused(tmp_path / "none.csv")
        == f"cannot read {tmp_path}/none.csv: No such file or directory"
    )
    assert refused(tmp_path) == f"cannot read {tmp_path}: Is a directory"
