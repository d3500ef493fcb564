"""Files that are not what a broker serves: the message says what they are and what to do."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from oadb.errors import LoadError
from oadb.market import brokers
from oadb.market.brokers import files
from tests.market.brokers.samples import HEADING, SHARE
from tests.support.each import for_each

TEXT = f"{HEADING}\n{SHARE}\n"
PAGE = "<!DOCTYPE html>\n<html><body>503 Service Unavailable</body></html>"


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("instruments.csv", content)
    return out.getvalue()


def tarred(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("instruments.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


KINDS = {
    "zip": (zipped(TEXT.encode()), "a zip archive; unpack it"),
    "bz2": (bz2.compress(TEXT.encode()), "packed with bzip2; unpack it with bunzip2"),
    "xz": (lzma.compress(TEXT.encode()), "packed with xz; unpack it with unxz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00", "packed with zstd; unpack it with unzstd"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it"),
    "tar": (tarred(TEXT.encode()), "a tar archive; unpack it"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook; save it as CSV in UTF-8"),
    "pdf": (b"%PDF-1.7", "a PDF document; fetch the broker's file"),
    "utf-16": (TEXT.encode("utf-16"), "in UTF-16; save it in UTF-8"),
    "utf-16-le": (TEXT.encode("utf-16-le"), "in UTF-16; save it in UTF-8"),
    "utf-16-be": (TEXT.encode("utf-16-be"), "in UTF-16; save it in UTF-8"),
    "html": (PAGE.encode(), "a page in HTML or XML"),
    "html after a mark": (b"\xef\xbb\xbf\r\n " + PAGE.encode(), "a page in HTML or XML"),
}


@for_each("kind", KINDS)
@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("broker", brokers.READERS)
def test_a_file_of_another_kind_is_refused_with_what_it_is_and_what_to_do(
    tmp_path: Path, kind: str, packed: Callable[[bytes], bytes], broker: str
) -> None:
    content, told = KINDS[kind]
    file = tmp_path / "instruments"
    file.write_bytes(packed(content))

    with pytest.raises(LoadError) as error:
        list(brokers.read(broker, file))

    assert str(error.value).startswith(f"instruments: the file is {told}")


@pytest.mark.parametrize(("mark", "called"), [("\t", "tabs"), (";", "semicolons"), ("|", "bars")])
@pytest.mark.parametrize("broker", ["zerodha", "upstox", "dhan", "fyers"])
def test_columns_that_are_not_separated_by_commas_are_named(
    tmp_path: Path, mark: str, called: str, broker: str
) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text(TEXT.replace(",", mark))

    with pytest.raises(LoadError) as error:
        list(brokers.read(broker, file))

    assert str(error.value) == (
        f"instruments.csv:1: the columns are separated by {called}; "
        "save the file as CSV with commas"
    )


@pytest.mark.parametrize("text", ["", "\ufeff", TEXT, "[", "{"])
def test_text_is_not_taken_for_another_kind(tmp_path: Path, text: str) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text(text, encoding="utf-8")

    with files.opened(file) as source:
        assert "".join(source.lines()) == text.removeprefix("\ufeff")
