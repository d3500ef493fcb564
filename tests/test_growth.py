"""What statements read does not grow with their tables: pages, at two sizes."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from oadb.testing.servers import Server
from tests.support.growing import (
    ACCOUNT_ROWS,
    ACCOUNTS,
    INSTRUMENT_ROWS,
    INSTRUMENTS,
    LOG_ROWS,
    LOGS,
    fill,
)
from tests.support.hot_statements import FIGURES, LABELS, PAGE, load, picture, table
from tests.support.plans import pages_read

pytestmark = pytest.mark.long("fills tables")

SMALL, LARGE = 2_000, 20_000

BOUNDED = {
    "traffic.list_clients",
    "api_logs.search, one call in 1,000",
    "api_logs.search, one call",
    "root_key_uses._count_uses",
}
"""By a number of rows that is above LARGE, as their comments say."""

FILTERED = "traffic._list_requests"
"""Its plan reads the window for a text that few rows have."""

PLANS = Path(__file__).parents[1] / "sql/plans"

Pages = dict[str, int]


def pages(server: Server, template: str, rows: int) -> Pages:
    with (
        server.clone(template) as url,
        closing(psycopg.connect(url, autocommit=True)) as connection,
    ):
        fill(connection, {**ACCOUNT_ROWS, **LOG_ROWS}, rows)
        return {
            each.name: pages_read(connection, each.label, each.values)
            for each in [*ACCOUNTS, *LOGS]
        }


@pytest.fixture(scope="module")
def small(oadb_server: Server, oadb_template: str) -> Pages:
    return pages(oadb_server, oadb_template, SMALL)


@pytest.fixture(scope="module")
def large(oadb_server: Server, oadb_template: str) -> Pages:
    return pages(oadb_server, oadb_template, LARGE)


@pytest.mark.parametrize(
    "name", [each.name for each in [*ACCOUNTS, *LOGS] if each.name not in BOUNDED]
)
def test_a_statement_reads_as_much_of_ten_times_the_rows(
    small: Pages, large: Pages, name: str
) -> None:
    assert large[name] <= 1.5 * small[name] + 10


@pytest.fixture(scope="module")
def connection(oadb_server: Server, oadb_template: str) -> Generator[psycopg.Connection]:
    """Give a connection to a database with the instruments of a broker."""
    with (
        oadb_server.clone(oadb_template) as url,
        closing(psycopg.connect(url, autocommit=True)) as connection,
    ):
        fill(connection, INSTRUMENT_ROWS, 1)
        yield connection


def test_a_search_reads_the_symbols_of_its_broker_alone(connection: psycopg.Connection) -> None:
    def read() -> list[int]:
        return [pages_read(connection, each.label, each.values) for each in INSTRUMENTS[1:]]

    alone = read()
    connection.execute(
        "insert into oadb.instruments (broker, exchange, symbol, broker_symbol, broker_exchange, "
        "token, instrument_type, lot_size, tick_size) select 'broker2', exchange, symbol, "
        "broker_symbol, broker_exchange, token, instrument_type, lot_size, tick_size "
        "from oadb.instruments"
    )
    connection.execute("vacuum analyze oadb.instruments")

    assert all(n <= 1.2 * m + 10 for n, m in zip(read(), alone, strict=True))


def planned_growth(label: str) -> str:
    """Return what the plan of a statement at 10^9 rows says of its growth."""
    [text] = [
        text
        for path in PLANS.rglob("*.plan")
        if f"\n{label}\n" in (text := path.read_text(encoding="utf-8"))
    ]
    return text.split(f"\n{label}\n")[1].split("    O(")[1].partition(")")[0]


@pytest.mark.parametrize("label", sorted({*LABELS} - {FILTERED}))
def test_the_plan_of_a_hot_statement_does_not_grow(label: str) -> None:
    assert planned_growth(label) in {"1", "k", "log n"}


def test_the_plan_of_a_list_grows_by_its_filter_alone() -> None:
    assert planned_growth(FILTERED) == "n"


def test_documents_show_the_curve_of_the_run() -> None:
    found = load()

    assert [*found] == LABELS
    assert (FIGURES / "growth.svg").read_text() == picture(found)
    assert table(found) in PAGE.read_text()
