"""JSON files of one array: read through a window, gzip, and damaged."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from oadb.errors import LoadError, RowError
from oadb.market.brokers import json_files
from oadb.market.brokers.files import BLOCK
from oadb.market.instruments import Rejected

COLUMNS = ("a", "b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "f.json"


def read(file: Path) -> list[tuple[str, ...] | Rejected]:
    return list(json_files.rows(file, COLUMNS, tuple))


def refused(file: Path) -> str:
    with pytest.raises(LoadError) as error:
        read(file)
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a":"1","b":"2"},{"a":"3","b":"4"}]',
        b'\xef\xbb\xbf\r\n [ {"b" : 2, "a" : 1}\n,\n\n{"a":3,"c":[{}],"b":4} ] \n\n',
        gzip.compress(b'[{"a":1,"b":"2"},{"a":3,"b":"4"}]\n'),
    ],
    ids=["compact", "spaced", "gzip"],
)
def test_every_variant_of_a_file_is_read(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert read(file) == [("1", "2"), ("3", "4")]


def test_numbers_are_read_as_text_and_missing_values_as_empty_text(file: Path) -> None:
    file.write_text(
        '[{"a":0.10,"b":1e999},{"a":NaN,"b":-Infinity},{"a":null},{"a":12345678901234567890}]'
    )

    assert read(file) == [
        ("0.10", "1e999"),
        ("NaN", "-Infinity"),
        ("", ""),
        ("12345678901234567890", ""),
    ]


@pytest.mark.long("reads files of many blocks")
@pytest.mark.parametrize("length", [0, 1, 7, 1000, BLOCK - 1000])
@pytest.mark.parametrize("space", ["", " " * 999])
def test_entries_are_read_whole_wherever_a_block_ends(file: Path, length: int, space: str) -> None:
    entries = [{"a": "é€\U0001f600"[: n % 4] + "x" * length, "b": n} for n in range(1200)][
        : 4 * BLOCK // (length + 1) + 3
    ]
    texts = [json.dumps(entry, ensure_ascii=False) for entry in entries]
    file.write_text(f"{space}[{space}{f'{space},{space}'.join(texts)}{space}]{space}")

    assert read(file) == [(entry["a"], str(entry["b"])) for entry in entries]


@pytest.mark.long("reads a large file")
def test_only_a_window_of_the_file_is_in_memory(file: Path) -> None:
    file.write_text(json.dumps([{"a": "x" * 200, "b": n} for n in range(60_000)]))

    tracemalloc.start()
    assert sum(1 for _ in json_files.rows(file, COLUMNS, tuple)) == 60_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert file.stat().st_size > 50 * BLOCK
    assert peak < 10 * BLOCK


def test_an_empty_array_has_no_rows(file: Path) -> None:
    file.write_text("[ ]")

    assert read(file) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[1]", "\"['1']\" is neither text nor number"),
        ("true", "'True' is neither text nor number"),
        (r'"\u0000"', "it holds a NUL character, which PostgreSQL's text cannot hold; remove it"),
        (r'"\ud800"', "it holds a lone surrogate, which UTF-8 cannot represent; remove it"),
    ],
)
def test_an_entry_with_an_invalid_value_is_rejected_and_the_rest_is_read(
    file: Path, value: str, reason: str
) -> None:
    file.write_text(f'[{{"a":1}},{{"a":{value}}},{{"a":2,"b":null}}]')
    first, rejected, last = read(file)

    assert isinstance(rejected, Rejected)
    assert str(rejected) == f"f.json: entry 2: {reason}"
    assert (first, last) == (("1", ""), ("2", ""))


def test_a_row_that_does_not_convert_is_rejected_with_its_entry_and_a_sample(file: Path) -> None:
    def convert(fields: tuple[str, ...]) -> str:
        raise RowError(f"{fields[0]} is not a lot")

    file.write_text('[{"a":"x","b":null,"c":true}]')

    assert list(json_files.rows(file, COLUMNS, convert)) == [
        Rejected("f.json: entry 1", "x is not a lot", "x,None,True")
    ]


WHOLE = b'[{"a":"1","b":"\xc3\xa9"},{"a":"3","b":{"c":[4]}}]'


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_file_that_is_cut_off_anywhere_is_refused(file: Path, length: int) -> None:
    file.write_bytes(WHOLE[:length])

    assert refused(file).startswith("f.json:")


@pytest.mark.parametrize("length", [1000, BLOCK, 3 * BLOCK])
def test_a_large_file_that_is_cut_off_names_the_entry(file: Path, length: int) -> None:
    whole = json.dumps([{"a": n, "b": "x" * 80} for n in range(10_000)])
    cut = whole.index(":", length)
    file.write_text(whole[:cut])
    entry = whole.count("{", 0, cut)

    assert refused(file).startswith(
        f"f.json: entry {entry}: cut off, or not a JSON array of objects"
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"{}", b'"a"', b"[1]", b'["{}"]', b"[[]]", b"[{}{}]", b"[{},]", b"[,{}]",
     b"[{}]]", b"[{}],", b"[{}] x", b"[}", b"[{]", b"html", b"[{'a':1}]",
     b"[{}:{}]",
     b'[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", b"[" * 10],
    ids=lambda content: content[:16].decode(),
)  # fmt: skip  # a table
def test_a_file_that_is_not_an_array_of_objects_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert "not a JSON array of objects" in refused(file)


@pytest.mark.parametrize("filler", [b"x", b" ", b'"x",'])
@pytest.mark.parametrize("start", [b"[", b'[{"a":"', b'[{"a":[', b"[{}", b"[{}]"])
def test_an_entry_of_100_megabytes_is_not_read_to_its_end(
    file: Path, start: bytes, filler: bytes
) -> None:
    megabyte = gzip.compress(filler * (1_000_000 // len(filler)), compresslevel=1)
    file.write_bytes(gzip.compress(start) + megabyte * 100)

    tracemalloc.start()
    assert "not a JSON array of objects" in refused(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20 * BLOCK


def test_bytes_that_are_not_text_are_reported_with_their_line(file: Path) -> None:
    file.write_bytes(b'[{"a":"1"},\n{"a":"\xff"}]')

    assert refused(file) == "f.json:2: not UTF-8; fetch the file again"

    file.write_bytes(b'[{"a":"1"}]\n\xc3')
    assert refused(file) == "f.json:2: not UTF-8; fetch the file again", "half a character"


@pytest.mark.parametrize("cut", [1, 8, 100])
def test_a_gzip_that_is_cut_off_is_refused(file: Path, cut: int) -> None:
    file.write_bytes(gzip.compress(json.dumps([{"a": n} for n in range(5000)]).encode())[:-cut])

    assert "damaged gzip" in refused(file)
