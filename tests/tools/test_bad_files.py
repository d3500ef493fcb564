"""Damaged files and impossible rows, through the command line: a record, one message, no change.

tests/market/brokers tests the readers alone.
"""

import gzip
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from oadb import Database
from oadb.market import instruments, loads
from oadb.market.loads import InstrumentLoad
from tests.conftest import configured
from tests.market.brokers.samples import HEADING
from tests.support.command_line import oadb
from tests.support.rig import Observer

_CONTENT = (
    "select count(*) || ' ' || md5(string_agg(i::text, E'\\n' order by exchange, symbol)) "
    "from oadb.instruments as i"
)


def option(number: int, **changes: str) -> str:
    """Return the line of an option, with *changes* of its columns."""
    fields = {
        "instrument_token": f"{number}",
        "exchange_token": f"{number}",
        "tradingsymbol": f"NIFTY25731{number}CE",
        "name": "NIFTY",
        "last_price": "0.0",
        "expiry": "2025-07-31",
        "strike": f"{number}",
        "tick_size": "0.05",
        "lot_size": "75",
        "instrument_type": "CE",
        "segment": "NFO-OPT",
        "exchange": "NFO",
    }
    return ",".join((fields | changes).values())


def content(**changes: str) -> bytes:
    """Return a file of four options, each with *changes* of its columns."""
    return "\n".join((HEADING, *(option(24000 + n, **changes) for n in range(4)), "")).encode()


GOOD = content()
PACKED = gzip.compress(GOOD * 100)

NO_ROW = "none of 4 rows can be loaded; the first reasons:\n  f.csv:2: "


@dataclass(frozen=True, slots=True)
class Shell:
    """The command line, over a database into which GOOD was loaded."""

    url: str
    folder: Path

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = oadb(*arguments, url=self.url)
        return done.returncode, done.stdout, done.stderr

    def load(
        self, data: bytes, *options: str, broker: str = "zerodha", name: str = "f.csv"
    ) -> tuple[int, str, str]:
        """Load a file of *data*; return the exit code, stdout and stderr."""
        file = self.folder / name
        file.write_bytes(data)
        return self.run("instruments", "load", str(file), "--broker", broker, *options)

    def content(self) -> str:
        """Return the number of instruments and a hash of them."""
        found: str = Observer(self.url).ask(_CONTENT)
        return found

    def last_load(self, broker: str = "zerodha") -> InstrumentLoad:
        with Database(configured(self.url)) as db:
            return loads.list_recent(db, broker).rows[0]


@pytest.fixture(scope="module")
def shell(url: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Give the command line over one database for all files that are refused."""
    shell = Shell(url, tmp_path_factory.mktemp("files"))
    assert shell.load(GOOD, "--force")[0] == 0  # its contracts have expired
    return shell


@pytest.fixture
def own_shell(oadb_database_url: str, tmp_path: Path) -> Shell:
    """Give the command line over a database of its own, for files that are loaded."""
    shell = Shell(oadb_database_url, tmp_path)
    assert shell.load(GOOD, "--force")[0] == 0
    return shell


def assert_refused(shell: Shell, data: bytes, message: str, **where: str) -> None:
    before = shell.content()
    code, out, err = shell.load(data, **where)
    record = shell.last_load(where.get("broker", "zerodha"))

    assert (code, out) == (1, "")
    assert err.startswith(f"oadb: {message}"), err
    assert "Traceback" not in err
    assert shell.content() == before
    assert (record.outcome, record.source) == ("failed", where.get("name", "f.csv"))
    assert record.reason is not None
    assert f"oadb: {record.reason}\n" == err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.csv:1: the heading lacks tradingsymbol, name, instrument_token, "),
        (GOOD[:-15], "f.csv:5: cut off in this line; fetch the file again"),
        (GOOD[:-1] + "é".encode()[:1], "f.csv:5: not UTF-8; fetch the file again"),
        (GOOD + b"1,\0\n", "f.csv:6: a NUL byte; this is not text"),
        (PACKED[: len(PACKED) // 2], "f.csv: damaged gzip after line "),
        (PACKED[:-1], "f.csv: damaged gzip after line 0; fetch the file again"),
        (GOOD.replace(b",", b";"), "f.csv:1: the columns are separated by semicolons; save "),
        (GOOD.replace(b",", b"\t"), "f.csv:1: the columns are separated by tabs; save "),
        (GOOD.replace(b"lot_size", b"lots"), "f.csv:1: the heading lacks lot_size; expected "),
        (GOOD.replace(b"last_price", b"strike"), "f.csv:1: the heading has strike more than once"),
        (GOOD[:-1] + b'"\n"', "f.csv:6: not CSV: "),
        (content(strike="NaN"), f"{NO_ROW}strike is 'NaN'; expected a number above 0"),
        (content(strike="1e999"), f"{NO_ROW}strike is '1e999'; expected a number above 0"),
        (
            content(tick_size="-Infinity"),
            f"{NO_ROW}tick_size is '-Infinity'; expected a number from 0",
        ),
        (content(lot_size="-75"), f"{NO_ROW}lot_size is '-75'; expected a whole number from 0"),
        (content(expiry="31/07/2025"), f"{NO_ROW}expiry is '31/07/2025'; expected "),
        (content(expiry="2025-02-30"), f"{NO_ROW}expiry is '2025-02-30'; expected "),
        (content(exchange=""), f"{NO_ROW}exchange is empty"),
    ],
)
def test_a_bad_file_leaves_the_old_set_a_record_and_a_message_with_the_line(
    shell: Shell, data: bytes, message: str
) -> None:
    assert_refused(shell, data, message)


@pytest.mark.long("writes 100 MB")
def test_a_line_of_100_megabytes_leaves_the_old_set(shell: Shell) -> None:
    assert_refused(
        shell,
        GOOD + b"x" * 100_000_000,
        "f.csv:6: a line of more than 262,144 bytes; this is not a broker's file",
    )


@pytest.mark.long("twenty loads")
@pytest.mark.parametrize("broker", ["angel", "upstox", "fyers", "dhan"])
@pytest.mark.parametrize(
    "data",
    [gzip.compress(b"[" + b" " * 100_000)[:-9], b'[{"token": "1", "symb', b"\xff\xfe", b"{}", b""],
    ids=["gzip", "cut off", "no text", "no array", "empty"],
)
def test_a_bad_file_of_any_broker_leaves_a_record(shell: Shell, broker: str, data: bytes) -> None:
    is_empty = not data or (broker, data) == ("fyers", b"{}")  # an object of objects
    assert_refused(shell, data, "" if is_empty else "f.json:", broker=broker, name="f.json")


def test_a_file_that_is_not_there_leaves_a_record(shell: Shell) -> None:
    for broker in ("zerodha", "upstox"):
        code, _, err = shell.run("instruments", "load", "/nowhere/f.csv", "--broker", broker)

        assert (code, err) == (1, "oadb: cannot read /nowhere/f.csv: No such file or directory\n")
        assert (shell.last_load(broker).reason or "").startswith("cannot read ")


def test_a_file_of_mostly_bad_rows_would_shrink_the_set_and_is_refused_with_a_sample(
    shell: Shell,
) -> None:
    bad = "\n".join(option(24001 + n, lot_size="-1") for n in range(3))
    assert_refused(
        shell,
        f"{HEADING}\n{option(24000)}\n{bad}\n".encode(),
        "the load is refused: 3 of 4 rows are invalid, more than 2% (most often, lot_size is …; "
        "expected a whole number from 0); all contracts of NFO have expired, the last on "
        "2025-07-31; NFO would shrink from 4 to 1 instruments, by more than 50%. Check the "
        "source; if it is right, name its exchanges, set the limits, or force the load\n",
    )
    assert shell.last_load().left_out[0].startswith("f.csv:3: lot_size is '-1'; expected ")
    assert len(shell.last_load().left_out) == 3


def test_every_format_of_a_date_is_read_and_an_invalid_date_is_left_out(own_shell: Shell) -> None:
    kinds = ["2025-07-31", "31JUL2025", "31-Jul-2025", "1753986599000", "someday", "0000-00-00"]
    rows = [option(24000 + n, expiry=kind) for n, kind in enumerate(kinds)]
    code, out, _ = own_shell.load("\n".join((HEADING, *rows, "")).encode(), "--force")

    assert code == 0
    assert out.startswith("4 of 6 rows accepted (0 new, 0 changed, 0 gone), 2 rejected")
    assert "f.csv:6: expiry is 'someday'; expected " in out
    with Database(configured(own_shell.url)) as db:
        listed = [row.expiry for row in instruments.stream_by_broker(db, "zerodha")]
    assert listed == [date(2025, 7, 31)] * 4


def test_invalid_json_numbers_are_left_out(own_shell: Shell) -> None:
    entry = {
        "token": "35",
        "symbol": "NIFTY31JUL2524000CE",
        "name": "NIFTY",
        "expiry": "31JUL2025",
        "strike": "2400000.0",
        "lotsize": "75",
        "instrumenttype": "OPTIDX",
        "exch_seg": "NFO",
        "tick_size": "5.0",
    }
    bad: list[dict[str, object]] = [
        entry | {"strike": float("nan")},
        entry | {"strike": float("inf")},
        entry | {"lotsize": -1},
    ]
    code, out, err = own_shell.load(
        json.dumps([*bad, entry]).encode(), "--force", broker="angel", name="f.json"
    )

    assert (code, err) == (0, "")
    assert out.startswith("1 of 4 rows accepted (1 new, 0 changed, 0 gone), 3 rejected")
