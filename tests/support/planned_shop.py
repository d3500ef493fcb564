"""A package with one statement, which is planned in the two databases of a growing shop."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.binding.packages import Package
from oadb.tools.plans import plan_check, plan_lock
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.plan_check import PlannedPackages
from oadb.tools.plans.scaled_plans import SCALES
from tests.support.declaring import declared

OF_USER = "select order_id from shop.orders where user_id = :user_id"
TAKES: dict[str, Any] = {"user_id": int, "placed": datetime, "most": int}


class PlannedShop:
    """A package with one statement, and its plans in two databases."""

    def __init__(self, folder: Path, urls: tuple[str, str]) -> None:
        self.folder, self.package = folder, Package("rows", folder, "sql")
        (folder / "queries").mkdir()
        (folder / "queries" / "rows.sql").touch()
        self.lock = plan_lock.path_of(self.package, "rows")
        self.urls = urls

    def execute(self, sql: str) -> None:
        """Run something in both databases."""
        for url in self.urls:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(sql.encode())

    def plan(self, sql: str, comment: str = "") -> PlannedPackages:
        """Plan a statement of the package."""
        takes = {name: kind for name, kind in TAKES.items() if f":{name}" in sql}
        statement = declared(sql, list[int], comment=comment, **takes)
        large, small = (dsn.parse(url) for url in self.urls)
        return plan_check.plan(
            lambda scale: large if scale == SCALES[0] else small,
            [PlacedStatement(self.package, "rows", statement)],
        )

    def found(self, sql: str, comment: str = "") -> list[plan_check.Disagreement]:
        """Check it against the lock."""
        return [*self.plan(sql, comment).check()]

    @contextmanager
    def without(self, index: str, again: str) -> Generator[None]:
        """Drop an index, and make it again."""
        self.execute(f"drop index shop.{index}")
        try:
            yield
        finally:
            self.execute(f"create index {index} on {again}")


@pytest.fixture
def shop(tmp_path: Path, large_shop: str, small_shop: str) -> PlannedShop:
    """Give one."""
    return PlannedShop(tmp_path, (large_shop, small_shop))
