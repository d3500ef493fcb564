"""Operations on probes, for batches."""

from oadb.engine.binding.operations import operation
from oadb.engine.executors import AsyncExecutor
from tests.support import pool_probes as probes


@operation
async def look(db: AsyncExecutor, probe_id: int) -> str:
    """Look once."""
    found = await probes.get(db, probe_id)
    return "nothing" if found is None else found.note


@operation
async def look_twice(db: AsyncExecutor, first: int, second: int) -> str:
    """Look once more, after what was found."""
    return f"{await look(db, first)} {await look(db, second)}"


@operation
async def change(db: AsyncExecutor, probe_id: int, amount: int) -> int:
    """Look, and write behind it."""
    before = await probes.amount(db, probe_id)
    await probes.set_amount(db, probe_id, amount)
    return before
