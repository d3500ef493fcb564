"""Guards of loads: what an exchange held is not lost because a source says little or nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from oadb import Transaction
from oadb.errors import LoadError
from oadb.market import brokers, instruments, loads
from oadb.market.brokers import BrokerFile
from oadb.market.instruments import Instrument, Rejected
from oadb.market.loads import LoadLimits, LoadReport
from tests.support import kite_lines
from tests.support.instrument_rows import FUTURE, INFY
from tests.support.kite_lines import SOON, TODAY, line

LATER = TODAY + timedelta(days=60)


def shares(count: int, exchange: str = "NSE", kind: str = "EQ") -> list[Instrument]:
    return [
        replace(
            INFY, exchange=exchange, symbol=f"{kind}{n}", token=f"{kind}{n}", instrument_type=kind
        )
        for n in range(count)
    ]


def futures(count: int, expiry: date = SOON, exchange: str = "NFO") -> list[Instrument]:
    return [
        replace(FUTURE, exchange=exchange, symbol=f"F{n}", token=f"F{n}", expiry=expiry)
        for n in range(count)
    ]


def load(tx: Transaction, rows: list[Instrument], limits: LoadLimits | None = None) -> LoadReport:
    return loads.load(tx, "zerodha", iter(rows), limits=limits or LoadLimits())


def refused(tx: Transaction, rows: list[Instrument]) -> str:
    """Return why a load is refused; what is listed stays."""
    before = [*instruments.stream_by_broker(tx, "zerodha")]
    with pytest.raises(LoadError) as error:
        load(tx, rows)
    assert [*instruments.stream_by_broker(tx, "zerodha")] == before
    (record,) = loads.list_recent(tx, "zerodha", limit=1).rows
    assert (record.outcome, record.reason) == ("failed", str(error.value)[:1000])
    return str(error.value)


def whole(*without: str) -> list[str]:
    return kite_lines.whole(*without, each=50)


def file(folder: Path, *lines: str) -> BrokerFile:
    path = folder / "kite.csv"
    path.write_text(kite_lines.text(*lines))
    return brokers.read("zerodha", path)


# Rejected rows ---------------------------------------------------------------------------------


def test_a_load_is_refused_if_more_than_two_in_a_hundred_rows_are_invalid(
    tx: Transaction,
) -> None:
    bad = [replace(row, lot_size=-1) for row in shares(3, kind="BAD")]

    assert load(tx, shares(98) + bad[:2]).rejected.rows == 2
    assert refused(tx, shares(97) + bad).startswith(
        "the load is refused: 3 of 100 rows are invalid, more than 2% (most often, "
        "lot_size is …; expected a whole number from 0). "
    )
    assert load(tx, shares(97) + bad, LoadLimits(max_rejected=0.03)).accepted == 97


def test_rows_that_a_reader_omits_do_not_count_as_invalid(tx: Transaction) -> None:
    omitted = [Rejected(f"f.csv:{n}", "load another file", omitted=True) for n in range(50)]
    report = loads.load(tx, "zerodha", [*shares(50), *omitted])

    assert (report.accepted, report.rejected.rows, report.omitted.rows) == (50, 0, 50)
    assert report.omitted.reasons == {"load another file": 50}
    assert str(report).endswith(", 0 rejected, 0 duplicates, 50 omitted")


def test_a_small_exchange_of_which_every_row_is_invalid_is_noticed_in_a_large_file(
    tx: Transaction,
) -> None:
    rows = [*shares(999), replace(FUTURE, lot_size=-1)]

    assert "refused: all 1 rows of NFO are invalid. " in refused(tx, rows)
    assert load(tx, rows, LoadLimits(allow_missing=True)).accepted == 999


def test_the_exchange_of_a_row_that_a_reader_cannot_read_is_known(
    tx: Transaction, tmp_path: Path
) -> None:
    rows = [*whole(), *(f"{line('NSE', 1000 + n)}" for n in range(2000))]
    rows += [line("NCO", 800 + n, "31-02-2030") for n in range(3)]
    with pytest.raises(LoadError, match="refused: all 3 rows of NCO are invalid"):
        loads.load(tx, "zerodha", file(tmp_path, *rows))


# Missing exchanges -----------------------------------------------------------------------------


def test_the_first_file_of_a_broker_must_have_all_of_its_exchanges(
    tx: Transaction, tmp_path: Path
) -> None:
    with pytest.raises(LoadError, match="refused: the file has no instruments of BFO, MCX, as w"):
        loads.load(tx, "zerodha", file(tmp_path, *whole("BFO", "MCX")))

    assert loads.load(tx, "zerodha", file(tmp_path, *whole())).accepted == 302


def test_the_file_of_one_exchange_is_no_whole_file(tx: Transaction, tmp_path: Path) -> None:
    nse = [*(line("NSE", n) for n in range(5)), kite_lines.index_line("NSE", 900)]

    assert loads.load(tx, "zerodha", file(tmp_path, line("NFO", 0))).accepted == 1
    with pytest.raises(LoadError, match=r"refused: NFO is missing.*name its exchanges"):
        loads.load(tx, "zerodha", file(tmp_path, *nse))
    part = file(tmp_path, *nse)
    assert loads.load(tx, "zerodha", part, exchanges=["NSE", "NSE_INDEX"]).accepted == 6
    assert instruments.count_by_broker(tx, "zerodha") == 7


def test_an_exchange_that_is_listed_must_be_in_the_next_file(
    tx: Transaction, tmp_path: Path
) -> None:
    loads.load(tx, "zerodha", file(tmp_path, *whole(), *(line("BCD", 700 + n) for n in range(9))))
    with pytest.raises(LoadError) as error:
        loads.load(tx, "zerodha", file(tmp_path, *whole("NFO")))

    assert (
        "refused: BCD is missing, of which 9 instruments are listed; NFO is missing, of which 50 "
    ) in str(error.value)
    allowed = LoadLimits(allow_missing=True)
    report = loads.load(tx, "zerodha", file(tmp_path, *whole("NFO")), limits=allowed)
    assert (report.accepted, report.deleted) == (252, 0)
    assert instruments.count_by_broker(tx, "zerodha") == 311
    only = [name for name, _ in report.exchanges.items()]
    file_again = file(tmp_path, *whole("NFO"))
    assert loads.load(tx, "zerodha", file_again, exchanges=only).accepted == 252


def test_an_exchange_that_was_left_out_by_force_is_not_asked_for_again(
    tx: Transaction, tmp_path: Path
) -> None:
    loads.load(tx, "zerodha", file(tmp_path, *whole("BSE", "BFO")), force=True)

    assert loads.load(tx, "zerodha", file(tmp_path, *whole("BSE", "BFO"))).accepted == 202


def test_a_file_of_some_exchanges_is_asked_for_these_only(tx: Transaction) -> None:
    def fyers(*rows: Instrument) -> BrokerFile:
        def listed() -> Iterator[instruments.Listing]:
            yield from (instruments.Listing.of(replace(row, broker="fyers")) for row in rows)

        return BrokerFile(listed(), brokers.fyers.TOGETHER)

    index = replace(INFY, exchange="NSE_INDEX", symbol="NIFTY", instrument_type="INDEX")
    with pytest.raises(LoadError, match="refused: the file has no instruments of NSE_INDEX, as"):
        loads.load(tx, "fyers", fyers(*shares(5)))
    loads.load(tx, "fyers", fyers(*futures(5)))
    assert loads.load(tx, "fyers", fyers(*shares(5), index)).accepted == 6
    with pytest.raises(LoadError, match="refused: NSE_INDEX is missing, of which 1 instruments"):
        loads.load(tx, "fyers", fyers(*shares(5)))


# Contracts -------------------------------------------------------------------------------------


def test_contracts_that_have_not_expired_and_are_gone_are_counted_by_exchange_and_type(
    tx: Transaction,
) -> None:
    mcx = futures(40, exchange="MCX")
    load(tx, futures(10) + mcx)

    assert load(tx, futures(8) + mcx).deleted == 2
    assert (
        "refused: 2 of 8 FUT of NFO that have not expired would vanish, more than 20%. "
    ) in refused(tx, futures(6) + mcx)
    assert load(tx, futures(6) + mcx, LoadLimits(max_vanished=0.25)).deleted == 2


@pytest.mark.parametrize(
    "changes", [{"expiry": LATER}, {"expiry": None}, {"instrument_type": "EQ"}]
)
def test_a_contract_that_is_listed_as_another_one_has_vanished(
    tx: Transaction, changes: dict[str, date | str | None]
) -> None:
    load(tx, futures(10))
    changed = [replace(row, **changes) for row in futures(10)]  # type: ignore[arg-type]  # of each

    assert "10 of 10 FUT of NFO that have not expired would vanish" in refused(tx, changed)


def test_contracts_may_go_on_the_evening_of_their_last_day(tx: Transaction) -> None:
    later = [replace(row, symbol=f"L{row.symbol}", token=f"L{row.token}") for row in futures(6)]
    load(tx, futures(5, TODAY) + later)

    assert load(tx, later).deleted == 5


def test_shares_may_get_another_type_and_a_few_of_a_type_may_go(tx: Transaction) -> None:
    load(tx, shares(100) + shares(10, kind="RE"))
    reclassified = [replace(row, instrument_type="BE") for row in shares(100)]
    report = load(tx, reclassified)

    assert (report.updated, report.deleted) == (100, 10)
    assert "21 of 100 BE of NSE that have not expired would vanish" in refused(
        tx, reclassified[:79]
    )


def test_a_file_of_another_year_is_refused(tx: Transaction) -> None:
    past = TODAY - timedelta(days=1)

    assert f"refused: all contracts of NFO have expired, the last on {past}. " in refused(
        tx, shares(5) + futures(5, past)
    )
    assert load(tx, futures(5, past), LoadLimits(allow_expired=True)).accepted == 5
    assert load(tx, futures(4, past) + futures(5)[4:]).updated == 1


def test_a_forced_load_says_what_spoke_against_it(tx: Transaction) -> None:
    load(tx, futures(10))
    report = loads.load(tx, "zerodha", futures(2), force=True)

    assert report.objections == (
        "NFO would shrink from 10 to 2 instruments, by more than 50%",
        "8 of 10 FUT of NFO that have not expired would vanish, more than 20%",
    )


# Previews --------------------------------------------------------------------------------------


def test_a_preview_tells_the_differences_and_objections_and_writes_nothing(
    tx: Transaction,
) -> None:
    load(tx, shares(5) + futures(10))
    # Has the token of one that would be removed, so that it cannot be inserted beside it.
    new = replace(FUTURE, symbol="N", token=futures(10)[9].token, expiry=LATER)
    report = loads.preview(tx, "zerodha", [*futures(4, LATER), *futures(6)[4:], new])
    (change,) = report.changes

    assert (change.exchange, change.instrument_type) == ("NFO", "FUT")
    assert (change.added, change.changed, change.removed, change.vanished) == (1, 4, 4, 8)
    assert report.objections == (
        "8 of 10 FUT of NFO that have not expired would vanish, more than 20%",
    )
    assert report.exchanges == {"NFO": (10, 7)}
    assert [*instruments.stream_by_broker(tx, "zerodha")] == sorted(
        shares(5) + futures(10), key=lambda row: (row.exchange, row.symbol)
    )
    assert len(loads.list_recent(tx, "zerodha").rows) == 1
    assert load(tx, futures(10)).unchanged == 10
