"""Mappings of strategies: put all or none, replaced, deleted, and what is refused."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from oadb import Database
from oadb.errors import ParameterError
from oadb.trading import chartink, strategies
from oadb.trading.strategies import SymbolMapping
from tests.support.notifications import heard
from tests.support.rig import threads
from tests.support.trading import RELIANCE, TCS, db, label, mapped, module, new_user, user_id

__all__ = ["db", "module", "user_id"]


def test_mappings_are_put_all_or_none(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    whole = mapped(module, *(SymbolMapping(f"S{n}", "NSE", 1, "MIS") for n in range(500)))
    assert module.put_mappings(db, user_id, strategy_id, whole) == 500
    bad: Any
    for bad in (
        SymbolMapping("A", "NSE", 0, "MIS"),
        SymbolMapping("A", "NSE", -1, "MIS"),
        SymbolMapping("", "NSE", 1, "MIS"),
        SymbolMapping("x" * 201, "NSE", 1, "MIS"),
        SymbolMapping("A", "", 1, "MIS"),
        SymbolMapping("A", "NSE", 1, "X"),
        SymbolMapping("A", "NSE", 1.5, "MIS"),
        SymbolMapping("A", "NSE", True, "MIS"),
        SymbolMapping("A", None, 1, "MIS"),
        SymbolMapping("A\0", "NSE", 1, "MIS"),
        SymbolMapping("A", "NSE", 2**63, "MIS"),
    ):
        changed = SymbolMapping("S1", "BSE", 7, "CNC")
        with pytest.raises((ParameterError, psycopg.Error)):
            module.put_mappings(db, user_id, strategy_id, mapped(module, changed, bad))

    assert set(module.get(db, user_id, strategy_id).mappings) == set(whole)


def test_a_mapping_put_again_is_replaced(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS, RELIANCE))
    again = mapped(module, SymbolMapping("TCS", "NSE", 1, "NRML"))

    assert module.put_mappings(db, user_id, strategy_id, again) == 1
    assert module.get(db, user_id, strategy_id).mappings == (*mapped(module, RELIANCE), *again)


def test_a_symbol_cannot_be_given_twice(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    twice = mapped(module, TCS, RELIANCE, SymbolMapping("TCS", "NSE", 1, "MIS"))
    with pytest.raises(
        ParameterError, match=rf"^{label(module)}\.put_mappings: mappings\[2\] repeats the "
    ):
        module.put_mappings(db, user_id, strategy_id, twice)

    assert module.get(db, user_id, strategy_id).mappings == ()


def test_mappings_are_deleted_by_their_symbols(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS, RELIANCE))

    assert module.delete_mappings(db, user_id, strategy_id, ["TCS", "TCS", "WIPRO"]) == 1
    assert module.get(db, user_id, strategy_id).mappings == tuple(mapped(module, RELIANCE))


def test_a_strategy_of_another_user_that_has_the_same_id_stays_as_it_is(
    db: Database, url: str, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    other = new_user(db)
    theirs = module.create(db, other, "y").strategy.strategy_id
    with psycopg.connect(url) as connection:
        connection.execute(
            "update oadb.strategies set strategy_id = %s where strategy_id = %s",
            [strategy_id, theirs],
        )
    module.put_mappings(db, other, strategy_id, mapped(module, TCS))
    before = module.get(db, other, strategy_id)

    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS, RELIANCE))
    module.delete_mappings(db, user_id, strategy_id, ["TCS"])
    module.delete(db, user_id, strategy_id)
    assert module.get(db, other, strategy_id) == before


def test_a_call_that_changes_no_mapping_writes_and_announces_nothing(
    db: Database, url: str, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS))
    before = module.get(db, user_id, strategy_id).updated_at

    def work() -> None:
        assert module.delete_mappings(db, user_id, strategy_id, ["WIPRO"]) == 0
        assert module.delete_mappings(db, user_id, strategy_id, []) == 0
        assert module.put_mappings(db, user_id, strategy_id, []) == 0
        assert module.put_mappings(db, user_id, UUID(int=1), []) is None, "no such strategy"
        assert module.delete_mappings(db, user_id, UUID(int=1), ["TCS"]) == 0

    assert heard(url, work) == []
    assert module.get(db, user_id, strategy_id).updated_at == before
    assert module.delete_mappings(db, user_id, strategy_id, ["TCS"]) == 1
    assert module.get(db, user_id, strategy_id).updated_at > before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([None], "mappings[0] must be {mapping}, not NoneType"),
        (["TCS"], "mappings[0] must be {mapping}, not str"),
        ([("TCS", "NSE", 1, "MIS")], "mappings[0] must be {mapping}, not tuple"),
        (None, "mappings must be a sequence, not NoneType"),
        (7, "mappings must be a sequence, not int"),
        ("TCS", "mappings must be a sequence, not str"),
        ({}, "mappings must be a sequence, not dict"),
        (iter([TCS]), "mappings must be a sequence, not list_iterator"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_an_invalid_mapping_is_refused_by_its_position(
    db: Database, module: Any, given: Any, said: str
) -> None:
    (mapping,) = mapped(module, TCS)
    with pytest.raises(ParameterError) as refused:
        module.put_mappings(db, 1, UUID(int=1), given)

    expected = said.format(mapping=type(mapping).__name__)
    assert str(refused.value) == f"{label(module)}.put_mappings: {expected}"


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("symbol", ["TCS"], "must be str, not list"),
        ("symbol", None, "must be str, not NoneType"),
        ("exchange", None, "must be str, not NoneType"),
        ("quantity", 1.5, "must be int, not float"),
        ("quantity", True, "must be int, not bool"),
        ("product_type", "mis", "must be one of CNC, MIS, NRML"),
        ("product_type", "", "must be one of CNC, MIS, NRML"),
        ("product_type", None, "must be str, not NoneType"),
    ],
)
def test_an_invalid_field_of_a_mapping_is_refused_by_its_name(
    db: Database, module: Any, field: str, given: Any, said: str
) -> None:
    name = "chartink_symbol" if module is chartink and field == "symbol" else field
    right, wrong = mapped(module, RELIANCE, TCS)
    with pytest.raises(ParameterError) as refused:
        module.put_mappings(db, 1, UUID(int=1), [right, replace(wrong, **{name: given})])

    assert str(refused.value) == f"{label(module)}.put_mappings: mappings[1].{name} {said}"


def test_a_mapping_of_the_other_module_is_refused(db: Database, user_id: int) -> None:
    strategy_id = chartink.create(db, user_id, "x").strategy.strategy_id
    given: Any = [TCS]
    with pytest.raises(ParameterError, match=r"mappings\[0\] must be ChartinkMapping, not Sym"):
        chartink.put_mappings(db, user_id, strategy_id, given)


def test_a_repeated_symbol_is_found_in_one_pass(db: Database, user_id: int) -> None:
    """Each symbol is compared with none but itself: 20,000 of them would take minutes."""
    looked_at = 0

    class Symbol(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    given = [SymbolMapping(Symbol(f"S{n}"), "NSE", 1, "MIS") for n in range(2_000)]
    with pytest.raises(
        ParameterError, match=r"mappings\[2000\] repeats the symbol of an earlier one"
    ):
        strategies.put_mappings(db, user_id, UUID(int=1), [*given, given[-1]])

    assert looked_at < 10_000


def test_concurrent_puts_and_deletes_of_mappings_do_not_deadlock(
    db: Database, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    given = [SymbolMapping(f"S{n}", "NSE", 1, "MIS") for n in range(40)]
    symbols = [each.symbol for each in given]

    def work(number: int) -> int:
        order = -1 if number % 2 else 1
        if number % 4 < 2:
            return module.put_mappings(db, user_id, strategy_id, mapped(module, *given[::order]))
        return module.delete_mappings(db, user_id, strategy_id, symbols[::order])

    with threads(8) as pool:
        assert set(pool.map(work, range(32))) <= {0, 40}
    module.put_mappings(db, user_id, strategy_id, mapped(module, *given))
    assert len(module.get(db, user_id, strategy_id).mappings) == 40
