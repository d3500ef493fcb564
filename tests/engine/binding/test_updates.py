"""UNSET, keyword-only parameters, Literals and rules of declared queries and operations."""

# mypy: disable-error-code="empty-body"

import pydoc
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from oadb import UNSET, Database, Unset
from oadb.engine.binding.operations import operation
from oadb.engine.executors import AsyncExecutor
from oadb.errors import DeclarationError, ParameterError
from oadb.validation.argument_rules import ClientNetwork, Duration, Ip, Network, TimeZone
from tests.engine.binding.probes import probes

Side = Literal["buy", "sell"]

query = probes("""
-- name: change
select
    :note_id::bigint as note_id,
    case when :author_is_set then :author::text else 'kept' end as author,
    case when :side_is_set then :side::text else 'kept' end as side;

-- name: place
select :side::text || ' ' || :lot::int || ' ' || :ip::text as placed;

-- name: place_all
select count(*) as placed from unnest(:sides::text[]) as each;
""")


@dataclass(frozen=True, slots=True)
class Changed:
    note_id: int
    author: str | None
    side: str | None


@query
def change(
    note_id: int,
    *,
    author: str | Unset | None = UNSET,
    side: Side | Unset = UNSET,
) -> Changed: ...


@query
def place(side: Side, *, lot: int = 1, ip: Ip = "192.0.2.1") -> str: ...


@query
def place_all(sides: list[Side]) -> int: ...


query.complete()


@dataclass(frozen=True, slots=True)
class Event:
    side: Side
    ip: Ip | None = None
    count: int = 1


@operation
async def record(_db: AsyncExecutor, event: Event) -> Event:
    return event


@operation
async def record_all(
    _db: AsyncExecutor, events: Sequence[Event], *, side: Side = "buy"
) -> tuple[int, Side]:
    return len(events), side


@operation
async def edit(_db: AsyncExecutor, *, author: str | Unset | None = UNSET) -> object:
    return author


@operation
async def summarize(
    db: AsyncExecutor, since: datetime | None = None, until: datetime | None = None
) -> None: ...


@operation
async def clean(
    _db: AsyncExecutor,
    *,
    network: Network = "192.0.2.1",
    client: ClientNetwork = "192.0.2.1",
    older_than: Duration | None = None,
    time_zone: TimeZone = "Asia/Kolkata",
) -> tuple[object, ...]:
    return network, client, older_than, time_zone


def test_a_field_that_is_not_given_stays_and_none_is_a_value(shared_db: Database) -> None:
    assert change(shared_db, 7) == Changed(7, "kept", "kept")
    assert change(shared_db, 7, author=None) == Changed(7, None, "kept")
    assert change(shared_db, 7, author="asha", side="buy") == Changed(7, "asha", "buy")
    assert change(shared_db, 7, author=UNSET, side="sell") == Changed(7, "kept", "sell")


def test_none_is_refused_where_a_field_cannot_be_null(shared_db: Database) -> None:
    wrong: Any = None
    with pytest.raises(ParameterError, match=r"^probe\.change: side must be str, not NoneType$"):
        change(shared_db, 7, side=wrong)


def test_unset_is_refused_where_it_has_no_meaning(shared_db: Database) -> None:
    wrong: Any = UNSET
    with pytest.raises(ParameterError, match=r"^probe\.place: side must be str, not Unset$"):
        place(shared_db, wrong)
    with pytest.raises(ParameterError, match=r"^probe\.change: note_id must be int, not Unset$"):
        change(shared_db, wrong)
    assert edit(shared_db) is UNSET
    assert edit(shared_db, author=None) is None


def test_a_statement_without_the_flag_of_an_unset_parameter_is_refused() -> None:
    bad = probes("-- name: change\nselect :author::text as author;")

    @bad
    def change(*, author: str | Unset = UNSET) -> str: ...

    with pytest.raises(DeclarationError, match="author_is_set is not in the SQL"):
        bad.complete()


def test_keyword_only_parameters_are_refused_by_position(shared_db: Database) -> None:
    wrong: Any = place
    for call in (
        lambda: wrong(shared_db, "buy", 3),
        lambda: wrong(shared_db, "buy", lots=3),
        lambda: wrong(shared_db, "buy", side="sell"),
        lambda: wrong(shared_db),
        lambda: wrong(shared_db, lot=1),
    ):
        with pytest.raises(TypeError):
            call()
    assert place(shared_db, "buy", lot=3) == "buy 3 192.0.2.1"
    assert place(shared_db, ip="192.0.2.2", side="sell") == "sell 1 192.0.2.2"
    shown = " ".join(pydoc.render_doc(place).split())  # newer Pythons write a line for each
    assert "db, /, side: Literal['buy', 'sell'], *, lot: int = 1" in shown


@pytest.mark.parametrize("given", ["BUY", "", "buy ", "hold\0"])
def test_a_word_that_is_no_member_of_its_literal_is_refused(
    shared_db: Database, given: Any
) -> None:
    for call, name in (
        (lambda: place(shared_db, given), "place: side"),
        (lambda: place_all(shared_db, ["buy", given]), "place_all: sides"),
        (lambda: record(shared_db, Event(given)), "record: event.side"),
        (lambda: record_all(shared_db, [Event("buy"), Event(given)]), "record_all: events[1].side"),
        (lambda: record_all(shared_db, [], side=given), "record_all: side"),
    ):
        with pytest.raises(ParameterError) as refused:
            call()
        assert str(refused.value).partition(".")[2] == f"{name} must be one of buy, sell"


def test_objects_are_checked_field_by_field(shared_db: Database) -> None:
    wrong: Any = "x"
    for call, said in (
        (lambda: record(shared_db, wrong), "record: event must be Event, not str"),
        (lambda: record(shared_db, Event("buy", count=wrong)), "event.count must be int, not str"),
        (lambda: record_all(shared_db, wrong), "record_all: events must be a sequence, not str"),
        (lambda: record_all(shared_db, [wrong]), "events[0] must be Event, not str"),
        (lambda: record(shared_db, Event("buy", wrong)), "event.ip must be an IPv4 or IPv6 addr"),
    ):
        with pytest.raises(ParameterError) as refused:
            call()
        assert said in str(refused.value)
        assert refused.value.__context__ is None
    assert record_all(shared_db, (Event("buy"), Event("sell"))) == (2, "buy")


def test_addresses_are_sent_in_their_shortest_form(shared_db: Database) -> None:
    long = "2001:0DB8:0000:0000:0000:0000:0000:0001"

    assert place(shared_db, "buy", ip=long) == "buy 1 2001:db8::1"
    assert record(shared_db, Event("buy", long)) == Event("buy", "2001:db8::1")
    sent = clean(shared_db, network="2001:db8:0::/48", client=long)
    assert sent[:2] == ("2001:db8::/48", "2001:db8::/64")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"network": "203.0.113.7/24"}, "network must be a network, such as 203.0.113.0/24"),
        ({"client": "localhost"}, "client must be an IPv4 or IPv6 address"),
        ({"older_than": timedelta()}, "older_than must be above 0"),
        ({"older_than": timedelta(seconds=-1)}, "older_than must be above 0"),
        ({"time_zone": "IST"}, "time_zone must be a time zone, such as Asia/Kolkata"),
        ({"time_zone": "../etc/passwd"}, "time_zone must be a time zone"),
    ],
)
def test_a_value_against_its_rule_is_refused_and_not_shown(
    shared_db: Database, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        clean(shared_db, **given)

    assert said in str(refused.value)
    assert all(str(value) not in str(refused.value) for value in given.values() if value)
    assert refused.value.__context__ is None


def test_a_window_that_ends_before_it_begins_is_refused(shared_db: Database) -> None:
    early, late = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2))

    for call in (
        lambda: summarize(shared_db, late, early),
        lambda: summarize(shared_db, since=late, until=early),
        lambda: summarize(shared_db, late, until=early),
    ):
        with pytest.raises(ParameterError, match="summarize: since is after until"):
            call()
    summarize(shared_db, early, early)
    summarize(shared_db, until=early)
