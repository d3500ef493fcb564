"""What must not happen to strategies, each named after what did in a comparable data layer.

The numbers are those of the defects in our study of it, as in tests/test_defects.py. Other files
prove the same at more length; these tests are the list.
"""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Generator
from dataclasses import FrozenInstanceError
from typing import Any

import psycopg
import pytest
from psycopg.errors import ForeignKeyViolation, NotNullViolation

from oadb import Database, Secret
from oadb.accounts import users
from oadb.engine.binding.operations import Operation
from oadb.engine.binding.queries import Query
from oadb.security.refusals import Refusal
from oadb.trading import chartink, strategies, webhooks
from oadb.trading.strategies import Strategy, SymbolMapping
from tests.conftest import RING, configured
from tests.support.declared import declaration
from tests.support.rig import Observer, eventually, threads
from tests.support.trading import label

TCS = SymbolMapping("TCS", "NSE", 1, "MIS")


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def user_id(db: Database) -> int:
    return users.create(db, "asha", "asha@example.in").user_id


# Defect 8.
def test_whether_a_strategy_is_active_or_intraday_cannot_be_unknown(
    db: Database, observer: Observer, user_id: int
) -> None:
    strategies.create(db, user_id, "x")
    for column in ("is_active", "is_intraday", "trading_mode", "platform"):
        with pytest.raises(NotNullViolation):
            observer.rows(f"update oadb.strategies set {column} = null")


# Defect 10.
def test_what_is_returned_cannot_be_changed_by_another_thread(db: Database, user_id: int) -> None:
    issued = strategies.create(db, user_id, "x")
    strategies.put_mappings(db, user_id, issued.strategy.strategy_id, [TCS])
    strategy = strategies.get(db, user_id, issued.strategy.strategy_id)
    assert strategy is not None

    with pytest.raises(FrozenInstanceError):
        strategy.is_active = False  # type: ignore[misc]  # a frozen dataclass
    with pytest.raises(FrozenInstanceError):
        strategy.mappings[0].quantity = 2  # type: ignore[misc]  # a frozen dataclass


# Defect 34.
@pytest.mark.parametrize("module", [strategies, chartink])
def test_a_state_is_set_and_not_toggled(db: Database, user_id: int, module: Any) -> None:
    """Of two toggles at once, each made to switch a strategy off, the second switched it on."""
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    with threads(8) as pool:
        done = pool.map(
            lambda _: module.set_active(db, user_id, strategy_id, is_active=False), range(16)
        )

    assert [*done] == [True] * 16
    assert module.get(db, user_id, strategy_id).is_active is False
    assert not hasattr(module, "toggle")


ALERTS = """
import sys
from oadb import Database, Secret
from oadb.trading import chartink, strategies
with Database.from_env() as db:
    for line in sys.stdin:
        module, webhook = line.split()
        module = {"strategies": strategies, "chartink": chartink}[module]
        found = module.verify_webhook(db, Secret(webhook))
        print("active" if found else found.value, flush=True)
"""


# Defect 38.
@pytest.mark.parametrize("module", [strategies, chartink])
def test_a_strategy_that_was_switched_off_is_off_for_the_next_alert_in_every_process(
    db: Database, url: str, user_id: int, module: Any
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    with subprocess.Popen(
        [sys.executable, "-c", ALERTS],
        env={"DATABASE_URL": url, "OADB_KEYRING": RING.to_json()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def alert() -> str:
            print(
                module.__name__.rpartition(".")[2],
                issued.webhook.reveal(),
                file=process.stdin,
                flush=True,
            )
            return process.stdout.readline().strip()

        answers = [alert()]
        for is_active in (False, True, False):
            module.set_active(db, user_id, strategy_id, is_active=is_active)
            answers.append(alert())
        module.set_active(db, user_id, strategy_id, is_active=True)
        answers.append(alert())
        webhooks.revoke(db, user_id, strategy_id)
        answers.append(alert())
        module.delete(db, user_id, strategy_id)
        answers.append(alert())
        process.stdin.close()

    assert answers == [
        "active",
        "inactive",
        "active",
        "inactive",
        "active",
        "revoked",
        "unknown",
    ]


# Defect 55.
def test_a_mapping_without_its_strategy_is_impossible_whoever_deletes(
    db: Database, observer: Observer, user_id: int
) -> None:
    made = [strategies.create(db, user_id, "x").strategy.strategy_id for _ in range(2)]
    for strategy_id in made:
        strategies.put_mappings(db, user_id, strategy_id, [TCS])
    left = "select count(*) from oadb.strategy_mappings where strategy_id = any(%s)"
    assert observer.ask(left, made) == 2

    assert strategies.delete(db, user_id, made[0])
    observer.rows("delete from oadb.strategies where strategy_id = %s", made[1])
    assert observer.ask(left, made) == 0
    with pytest.raises(ForeignKeyViolation):
        observer.rows(
            "insert into oadb.strategy_mappings values (%s, %s, 'TCS', 'NSE', 1, 'MIS')",
            user_id,
            made[0],
        )


# Defect 55.
def test_mappings_put_while_their_strategy_is_deleted_leave_no_orphans(
    db: Database, url: str, observer: Observer, user_id: int
) -> None:
    strategy_id = strategies.create(db, user_id, "x").strategy.strategy_id
    with threads(1) as pool, psycopg.connect(url) as other:
        other.execute("delete from oadb.strategies where strategy_id = %s", [strategy_id])
        putting = pool.submit(strategies.put_mappings, db, user_id, strategy_id, [TCS])
        eventually(lambda: observer.running("strategy_changes._put_mappings"))
        other.commit()
        assert putting.result() is None

    assert (
        observer.ask(
            "select count(*) from oadb.strategy_mappings where strategy_id = %s", strategy_id
        )
        == 0
    )


OPERATIONS = [name for name in strategies.__all__ if isinstance(vars(strategies)[name], Operation)]


# Defect 56.
@pytest.mark.parametrize("name", OPERATIONS)
def test_functions_of_both_modules_have_the_same_parameters_and_results(name: str) -> None:
    mine, theirs = (inspect.signature(getattr(m, name)) for m in (strategies, chartink))
    own = {"platform", "direction"} if name == "create" else set[str]()

    def in_plain_words(annotation: object) -> str:
        return re.sub(r"oadb\.[\w.]+\.(Chartink|Symbol)Mapping", "Mapping", str(annotation))

    def parameters(signature: inspect.Signature) -> list[str]:
        return [
            in_plain_words(each) for each in signature.parameters.values() if each.name not in own
        ]

    assert in_plain_words(theirs.return_annotation) == in_plain_words(mine.return_annotation)
    assert parameters(theirs) == parameters(mine)


# Defect 56.
def test_both_modules_offer_the_same_functions() -> None:
    offered = [
        {
            name
            for name, value in vars(module).items()
            if isinstance(value, Operation | Query) and not name.startswith("_")
        }
        for module in (strategies, chartink)
    ]

    assert offered == [{*OPERATIONS, "count_by_user"}] * 2
    assert {*chartink.__all__} == offered[0] | {"ChartinkMapping"}


def steps(module: Any, name: str) -> list[str]:
    """Return the statements of a function, without its docstring and the name of its module."""
    (function,) = ast.parse(inspect.getsource(getattr(module, name)._function)).body
    assert isinstance(function, ast.AsyncFunctionDef)
    texts = map(ast.unparse, function.body[1:])
    return [text.replace(f"'{label(module)}.", "'module.") for text in texts]


# Defect 56.
@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {"create", "put_mappings"}))
def test_functions_of_both_modules_do_the_same(name: str) -> None:
    assert steps(chartink, name) == steps(strategies, name) != []


# Defect 56.
def test_the_lists_of_both_modules_differ_by_the_platform_alone() -> None:
    """They are variants of one statement; so are those of further pages."""
    for page in ("", " +cursor"):
        mine = declaration(f"strategy_kinds._list_by_user{page}").wire_sql.decode()
        label = f"strategy_kinds._list_by_user{page} +chartink"
        theirs = declaration(label).wire_sql.decode().partition("*/")[2]

        assert "platform <> 'chartink'" in mine
        assert mine.partition("*/")[2].split() == theirs.replace(" = 'ch", " <> 'ch").split()


# What an alert costs.
def test_an_alert_is_one_statement(
    db: Database, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = strategies.create(db, user_id, "x")
    run: list[str] = []
    pooled = type(db._inner)
    original = pooled._run

    def counted(self: Any, query: Any, params: Any) -> Any:
        run.append(query.label)
        return original(self, query, params)

    monkeypatch.setattr(pooled, "_run", counted)
    assert isinstance(strategies.verify_webhook(db, issued.webhook), Strategy)
    assert strategies.verify_webhook(db, Secret("oaw_nonsense")) is Refusal.UNKNOWN
    strategies.list_by_user(db, user_id)

    assert run == ["strategy_kinds._find_by_digest +user_id", "strategy_kinds._list_by_user"]
