"""Payouts, each made once, however often its task is delivered."""

from datetime import timedelta

from oadb import Affected, Database, queries

query = queries(__name__)


@query
def claim(task_id: str) -> Affected: ...


@query
def add(order_id: int) -> Affected: ...


@query
def count_all() -> int: ...


@query
def delete_old_claims(*, older_than: timedelta) -> Affected: ...


query.complete()


def pay(db: Database, task_id: str, order_id: int) -> bool:
    """Pay an order; False: the task was done before."""
    with db.transaction() as tx:
        if not claim(tx, task_id):
            return False
        add(tx, order_id)
    return True
