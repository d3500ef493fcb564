"""What runs beside plans in their lock; foreign keys that no index serves."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from oadb.tools.plans.plan_lock import LockedPlan
from oadb.tools.plans.unseen_plans import UnservedKey
from tests.support.growing_shop import large_shop, small_shop
from tests.support.planned_shop import OF_USER, PlannedShop, shop

__all__ = ["large_shop", "shop", "small_shop"]

pytestmark = pytest.mark.long("fills tables with a hundred thousand rows")

SET_NOTE = "update shop.orders set note = 'x' where user_id = :user_id"
TRIGGER = """
create function shop.note() returns trigger language plpgsql as 'begin return null; end';
create trigger notes_orders after update of {} on shop.orders execute function shop.note();
"""
COMMENT = "comment on constraint orders_note_fkey on shop.orders is '{}'"


@contextmanager
def made(shop: PlannedShop, what: str, undone: str) -> Generator[None]:
    shop.execute(what)
    try:
        yield
    finally:
        shop.execute(undone)


@pytest.fixture
def _referring(shop: PlannedShop) -> Generator[None]:
    """Let orders refer to markets by a column without an index."""
    with made(
        shop,
        "alter table shop.orders add constraint orders_note_fkey foreign key (note) "
        "references shop.markets not valid",
        "alter table shop.orders drop constraint orders_note_fkey",
    ):
        yield


@pytest.mark.planted("scan", "a foreign key whose column has no index")
@pytest.mark.usefixtures("_referring")
def test_a_foreign_key_of_a_large_table_needs_an_index(shop: PlannedShop) -> None:
    shop.plan(OF_USER).write()
    (found,) = shop.found(OF_USER)
    with made(
        shop,
        "create index orders_note_idx on shop.orders (note)",
        "drop index shop.orders_note_idx",
    ):
        served = shop.found(OF_USER)

    assert isinstance(found, UnservedKey)
    text = str(found)
    assert "the foreign key orders_note_fkey of shop.orders has no index that begins" in text
    assert "all of this table is read when name of shop.markets changes" in text
    assert text.endswith(
        "say why it may: comment on constraint orders_note_fkey on shop.orders is 'grows: why'"
    )
    assert served == []


@pytest.mark.usefixtures("_referring")
def test_the_comment_on_a_foreign_key_may_say_why_it_needs_none(shop: PlannedShop) -> None:
    shop.plan(OF_USER).write()
    shop.execute(COMMENT.format("Of the exchange.\ngrows: no market is ever deleted."))
    reasoned = shop.found(OF_USER)
    with made(
        shop,
        "create index orders_note_idx on shop.orders (note)",
        "drop index shop.orders_note_idx",
    ):
        (superfluous,) = shop.found(OF_USER)

    assert reasoned == []
    assert "is served by orders_note_idx: leave the line grows: out of" in str(superfluous)


def test_a_foreign_key_of_a_small_table_needs_no_index(shop: PlannedShop) -> None:
    with made(
        shop,
        "alter table shop.markets add constraint own_fkey foreign key (name) "
        "references shop.users (email) not valid; alter table shop.markets drop constraint "
        "markets_pkey",
        "alter table shop.markets add constraint markets_pkey primary key (name); "
        "alter table shop.markets drop constraint own_fkey",
    ):
        assert shop.plan(OF_USER).unserved == ()


@pytest.mark.planted("scan", "a trigger is made on a table that statements write")
def test_a_new_trigger_is_another_plan_of_what_fires_it(shop: PlannedShop) -> None:
    shop.plan(SET_NOTE).write()
    undone = "drop function shop.note cascade"
    with made(shop, TRIGGER.format("status"), undone):
        other = shop.found(SET_NOTE)
    with made(shop, TRIGGER.format("note"), undone):
        (found,) = shop.found(SET_NOTE)

    assert other == []
    assert isinstance(found, LockedPlan)
    line = "+fires notes_orders of shop.orders after update that sets note: shop.note"
    assert line in str(found)


@pytest.mark.usefixtures("_referring")
def test_a_foreign_key_is_in_the_lock_of_what_changes_it(shop: PlannedShop) -> None:
    shop.plan(SET_NOTE).write()

    lines = shop.lock.read_text().splitlines()

    assert "    looks up shop.markets in markets_pkey: orders_note_fkey, if note changes" in lines
