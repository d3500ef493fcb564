"""The check of instruments: exchanges whose list is out of date, for each broker."""

from collections.abc import Iterator
from functools import partial

from oadb.engine.executors import Executor
from oadb.market import instruments, loads
from oadb.market.loads import ExchangeStatus
from oadb.tools.findings import Check, Finding


def checks(db: Executor) -> dict[str, Check]:
    """Return the check of instruments by subject."""
    return {"instruments": partial(_check_ages, db)}


def _check_ages(db: Executor) -> Iterator[Finding]:
    brokers = instruments.list_brokers(db)
    if not brokers:
        yield Finding(True, "instruments", "none are loaded")
    for broker in brokers:
        found = loads.list_exchange_status(db, broker)
        due = [_described(each) for each in found if each.is_due]
        text = f"{', '.join(due)}; run oadb instruments load" if due else "all lists are of today"
        yield Finding(not due, "instruments", f"{broker}: {text}")


def _described(each: ExchangeStatus) -> str:
    if each.downloaded_at is None:
        return f"{each.exchange} of an unknown day"
    return f"{each.exchange} of {each.downloaded_at:%Y-%m-%d %H:%M %Z}"
