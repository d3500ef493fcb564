"""What the doctor says of instruments: which lists of which broker are out of date."""

from dataclasses import replace
from datetime import UTC, datetime

from oadb import Transaction
from oadb.market import loads
from oadb.tools import instrument_findings
from oadb.tools.findings import Finding
from tests.support.instrument_rows import INFY

OLD = datetime(2025, 8, 1, 3, 0, tzinfo=UTC)


def found(tx: Transaction) -> list[Finding]:
    return [*instrument_findings.checks(tx)["instruments"]()]


def test_without_instruments_nothing_is_wrong(tx: Transaction) -> None:
    assert found(tx) == [Finding(True, "instruments", "none are loaded")]


def test_each_broker_has_a_finding_that_names_the_exchanges_that_are_due(tx: Transaction) -> None:
    loads.load(tx, "zerodha", [INFY])
    loads.load(tx, "upstox", [replace(INFY, broker="upstox")])
    loads.load(tx, "upstox", [replace(INFY, broker="upstox", exchange="BSE")], downloaded_at=OLD)
    loads.load(tx, "upstox", [replace(INFY, broker="upstox", exchange="NCO")], downloaded_at=None)

    assert found(tx) == [
        Finding(
            False,
            "instruments",
            f"upstox: BSE of {OLD:%Y-%m-%d %H:%M} UTC, NCO of an unknown day; "
            "run oadb instruments load",
        ),
        Finding(True, "instruments", "zerodha: all lists are of today"),
    ]
