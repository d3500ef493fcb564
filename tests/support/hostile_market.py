"""Hostile texts in each argument of instruments, loads and logs."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oadb import Transaction
from oadb.engine.binding.sendable_texts import readable, unsendable
from oadb.errors import LoadError, ParameterError
from oadb.logs import analyzer_logs, api_logs
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.logs.redaction import Redaction
from oadb.market import brokers, instruments, live_index, loads, search
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.instruments import Instrument
from oadb.validation.said_texts import without_secrets
from tests.support.hostile import Work

ROW = Instrument(
    "zerodha", "NSE", "RELIANCE", None, "RELIANCE", "NSE", "738561", "EQ", None, None, None, 1,
    Decimal("0.05"), Decimal(1),
)  # fmt: skip  # a table


def load_broker_and_source(tx: Transaction, text: str) -> None:
    try:
        loads.load(tx, text, [], source=text)
    except ParameterError:
        assert unsendable(text) or not text.strip() or len(text) > 200
    except LoadError:
        last = loads.list_recent(tx, text).rows[0]
        assert (last.broker, last.source) == (text, without_secrets(text, 255))
        assert loads.get_status(tx, text) is not None


def load_of_broker(tx: Transaction, text: str) -> None:
    if {*text} & {*"\\\t\n\r'\"%"} and len(text) < 200:  # what COPY and SQL could take amiss
        row = replace(ROW, broker=text)
        assert loads.load(tx, text, [row]).accepted == 1
        assert instruments.count_by_broker(tx, text) == 1
        assert live_index.build(tx, text).get(text, "NSE", "RELIANCE") == row


def load_exchange_that_is_no_collection(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        loads.load(tx, "zerodha", [ROW], exchanges=text)


def due_zone(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        loads.is_due(tx, "zerodha", time_zone=text)


def search_filters(tx: Transaction, text: str) -> None:
    index = InstrumentIndex()
    assert search.search(tx, text, "RELIANCE") == index.search(text, "RELIANCE") == []
    for name in ("exchange", "instrument_type", "underlying"):
        given: dict[str, Any] = {"broker": "zerodha", "text": "", name: text}
        assert search.search(tx, **given) == index.search(**given) == []


def unknown_instruments(tx: Transaction, text: str) -> None:
    index = InstrumentIndex()
    assert instruments.get_all(tx, text, [(text, text)]) == [None]
    assert instruments.get_all_by_token(tx, text, [(text, text)]) == [None]
    assert index.get(text, text, text) is index.find_by_token(text, text, text) is None


def call_texts(tx: Transaction, text: str) -> None:
    api_logs.record(tx, Call(endpoint=text, method=text, status=200, error=text))
    log = api_logs.list_calls(tx, limit=1).rows[0]
    kept = Redaction().row(Call(endpoint=text, method=text, status=200, error=text))
    assert log.endpoint == readable(kept.endpoint, 500)
    assert log.method == readable(kept.method, 20)
    assert log.error == readable(kept.error or "", 2000)


def call_ip(tx: Transaction, text: str) -> None:
    api_logs.record(tx, Call(endpoint="/", method="GET", status=200, ip=text))
    assert api_logs.list_calls(tx, limit=1).rows[0].ip


def call_content(tx: Transaction, text: str) -> None:
    call = Call(endpoint="/", method="GET", status=200, request={"orders": [{"symbol": text}]})
    api_logs.record(tx, call)
    assert len(api_logs.search(tx, Redaction().row(call).request or {})) == 1
    assert not api_logs.search(tx, {text: text})


def analysis_texts(tx: Transaction, text: str) -> None:
    body: dict[str, object] = {"symbol": text, "strategy": text}
    analysis = Analysis(api_type=text, request=body, response={"status": text})
    analyzer_logs.record(tx, analysis)
    log, kept = analyzer_logs.list_analyses(tx, limit=1).rows[0], Redaction().row(analysis)
    assert (log.api_type, log.request) == (readable(kept.api_type, 100), kept.request)
    found = analyzer_logs.count_by_facet(tx, since=datetime(2000, 1, 1, tzinfo=UTC))
    assert [each.value for each in found if each.facet == "symbol"] == (
        [kept.request["symbol"]] if text else []
    )


def day_zone(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        analyzer_logs.list_analyses(tx, day=date(2026, 1, 1), time_zone=text)


def file_of_no_broker(_: Transaction, text: str) -> None:
    with pytest.raises(LoadError, match="no reader for"):
        brokers.read(text, Path("none"))


OPERATIONS: dict[str, list[Work]] = {
    "api_logs": [call_texts, call_ip, call_content],
    "analyzer_logs": [analysis_texts, day_zone],
    "brokers": [file_of_no_broker],
    "instruments": [unknown_instruments],
    "instrument_loads": [
        load_broker_and_source,
        load_of_broker,
        load_exchange_that_is_no_collection,
        due_zone,
    ],
    "instrument_search": [search_filters],
}
