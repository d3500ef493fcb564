"""What ``oadb_async_db`` gives, as a fixture of pytest-asyncio and as one of AnyIO's plugin.

Each of them runs the fixtures that are its own alone, on the event loop of the test.
"""

# ruff: noqa: PLC0415  # as in fixtures.py

import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar, cast

import pytest

from oadb.testing.fixtures import UndoError, database_kind

if TYPE_CHECKING:
    from oadb.engine.database import AsyncDatabase
    from oadb.engine.transactions import AsyncTransaction

F = TypeVar("F")


def _asyncio_fixture(function: F) -> F:
    """Make a fixture for pytest-asyncio, if it is there; also in its mode ``strict``."""
    maker = getattr(sys.modules.get("pytest_asyncio"), "fixture", pytest.fixture)
    return cast("Callable[[F], F]", maker)(function)


@asynccontextmanager
async def _given(
    request: pytest.FixtureRequest, environ: Mapping[str, str]
) -> "AsyncGenerator[AsyncDatabase | AsyncTransaction]":
    from oadb.engine.database import AsyncDatabase

    async with AsyncDatabase.from_env(environ) as db:
        if database_kind(request) == "fresh":
            yield db
            return
        with suppress(UndoError):
            async with db.transaction() as tx:
                yield tx
                raise UndoError


@pytest.fixture
def oadb_async_environ(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Give the variables of the database of an async test."""
    fresh = database_kind(request) == "fresh"
    return cast(
        "Mapping[str, str]",
        request.getfixturevalue("oadb_environ" if fresh else "oadb_shared_environ"),
    )


@_asyncio_fixture
async def oadb_asyncio_db(
    request: pytest.FixtureRequest, oadb_async_environ: Mapping[str, str]
) -> "AsyncGenerator[AsyncDatabase | AsyncTransaction]":
    """Give what ``oadb_async_db`` gives to a test of pytest-asyncio."""
    async with _given(request, oadb_async_environ) as db:
        yield db


@pytest.fixture
async def oadb_anyio_db(
    request: pytest.FixtureRequest, oadb_async_environ: Mapping[str, str]
) -> "AsyncGenerator[AsyncDatabase | AsyncTransaction]":
    """Give what ``oadb_async_db`` gives to a test of AnyIO."""
    async with _given(request, oadb_async_environ) as db:
        yield db
