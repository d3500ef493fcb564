"""What a load keeps of the rows that it leaves out: numbers by reason, and a sample."""

import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb import Transaction
from oadb.market import brokers, loads
from oadb.market.instruments import Rejected
from oadb.market.intake import Intake
from oadb.market.left_out import Tally
from tests.support import kite_lines
from tests.support.instrument_rows import INFY


def rejections(count: int) -> Iterator[Rejected]:
    return (
        Rejected(f"f.csv:{n}", f"strike is 'x{n}'; expected a number above 0", "x" * 80)
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("strike is '1'; expected a number above 0", "strike is …; expected a number above 0"),
        ('name is "it\'s"; expected x', "name is …; expected x"),
        ("lot_size is -1; expected a whole number from 0", "lot_size is …; expected a whole "),
        ("symbol 'A' is that of row 17, which comes first", "symbol … is that of row …, which "),
        ("3 fields; the first line has 12", "… fields; the first line has …"),
        ("token is empty", "token is empty"),
        ("a\0b", "a\ufffdb"),
        ("'" * 300, "…"),
    ],
)
def test_a_reason_is_counted_without_the_values_of_its_row(reason: str, kind: str) -> None:
    tally = Tally()
    tally.add(Rejected("f.csv:1", reason))
    (counted,) = tally.reasons

    assert counted.startswith(kind)


def test_reasons_that_differ_too_much_are_counted_together() -> None:
    tally = Tally()
    for n in range(300):
        tally.add(Rejected("f.csv:1", f"reason {chr(0x4E00 + n)}", exchange=f"X{n}"))

    assert sum(tally.reasons.values()) == tally.rows == 300
    assert len(tally.reasons) == 51
    assert tally.reasons["other reasons"] == 250
    assert len(tally.by_exchange) == 100


@pytest.mark.long("rejects 20,000 rows under tracemalloc")
def test_many_rejected_rows_need_the_memory_of_a_sample() -> None:
    intake = Intake("zerodha")
    tracemalloc.start()
    try:
        assert b"".join(intake.accept(rejections(20_000))) == b""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert intake.rejected.rows == 20_000
    assert intake.rejected.reasons == {"strike is …; expected a number above 0": 20_000}
    assert len(intake.rejected.sample) == 100
    assert peak < 2_000_000


def test_a_report_and_a_record_have_all_numbers_and_a_sample(
    tx: Transaction, tmp_path: Path
) -> None:
    path = tmp_path / "kite.csv.gz"
    lines = [*kite_lines.whole(), *(["x"] * 500), *(["1,1,A,A,0,,0,x,1,EQ,NSE,NSE"] * 3)]
    path.write_bytes(gzip.compress(kite_lines.text(*lines).encode()))
    report = loads.load(tx, "zerodha", brokers.read("zerodha", path), force=True)
    (record,) = loads.list_recent(tx, "zerodha").rows

    assert report.rejected.rows == 503
    assert report.rejected.reasons == {
        "… fields; the first line has …": 500,
        "tick_size is …; expected a number from 0": 3,
    }
    assert record.counts["reasons"] == report.rejected.reasons
    assert len(report.rejected.sample) == len(record.left_out) == 100


def test_duplicates_are_counted_as_well(tx: Transaction) -> None:
    report = loads.load(tx, "zerodha", [INFY] * 5)

    assert (report.accepted, report.duplicates.rows) == (1, 4)
    assert report.duplicates.reasons == {"symbol … is that of row …, which comes first": 4}
