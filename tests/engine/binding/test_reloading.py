"""With OADB_RELOAD=1 a changed SQL file is bound again at the next call."""

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oadb.errors import DeclarationError, ParameterError
from tests.support.rig import Connect, threads

MODULE = """
from collections.abc import Iterator

from oadb import queries

query = queries(__name__)


@query
def number(n: int | None = None) -> int: ...


@query
def numbers() -> Iterator[int]: ...


query.complete()
"""
SQL = """-- name: number
select {number} as number where :n::int is null or :n = 1;

-- name: numbers
select n from generate_series(1, {number}) as n;
"""


def write(file: Path, text: str) -> None:
    """Replace a file at once, as editors do, by one that looks newer."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    new = file.with_suffix(".new")
    new.write_text(text)
    os.utime(new, ns=(before + 10**9, before + 10**9))
    new.replace(file)


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    (tmp_path / "reloaded").mkdir()
    (tmp_path / "reloaded" / "__init__.py").touch()
    (tmp_path / "reloaded" / "parts.py").write_text(MODULE)
    file = tmp_path / "sql" / "queries" / "parts.sql"
    file.parent.mkdir(parents=True)
    write(file, SQL.format(number=1))
    return file


@pytest.fixture
def parts(
    sql: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Any]:
    monkeypatch.setenv("OADB_RELOAD", getattr(request, "param", "1"))
    monkeypatch.syspath_prepend(str(sql.parents[2]))
    # Each test has a package of its own under this name.
    from oadb.engine.binding.packages import find  # noqa: PLC0415  # its cache is emptied

    find.cache_clear()
    yield importlib.import_module("reloaded.parts")
    find.cache_clear()
    for name in ("reloaded", "reloaded.parts"):
        sys.modules.pop(name, None)


def test_a_changed_file_is_used_by_the_next_call(connect: Connect, sql: Path, parts: Any) -> None:
    db = connect(pool_size=1)
    assert (parts.number(db), [*parts.numbers(db)]) == (1, [1])
    write(sql, SQL.format(number=2))
    assert (parts.number(db), [*parts.numbers(db)]) == (2, [1, 2])
    with db.transaction() as tx:
        write(sql, SQL.format(number=3))
        assert parts.number(tx, 1) == 3
    write(sql, SQL.format(number=4))
    assert parts.number.many(db, [(None,), (1,)]) == [4, 4]
    assert "select 4 as number" in parts.number.describe().forms[0].sql
    assert parts.number.explain(db).label == "parts.number"
    with pytest.raises(ParameterError, match=r"^parts\.number: n must be int"):
        parts.number(db, "1")


def test_a_file_that_does_not_fit_is_an_error_until_it_is_mended(
    connect: Connect, sql: Path, parts: Any
) -> None:
    db = connect(pool_size=1)
    write(sql, SQL.format(number=2).replace(":n ", ":m "))
    for _ in range(2):
        with pytest.raises(DeclarationError, match=r"parts\.sql:2 disagree: parts\.number: :m is"):
            parts.number(db)
    sql.unlink()
    with pytest.raises(DeclarationError, match="does not exist"):
        parts.number(db)
    write(sql, SQL.format(number=4))
    assert parts.number(db) == 4


def test_threads_see_one_or_the_other(connect: Connect, sql: Path, parts: Any) -> None:
    db = connect(pool_size=4)
    with threads(4) as pool:
        found = [pool.submit(parts.number, db) for _ in range(100)]
        write(sql, SQL.format(number=2))
        found += [pool.submit(parts.number, db) for _ in range(100)]
        assert {each.result() for each in found} <= {1, 2}
        assert found[-1].result() == 2


def test_lines_that_depend_on_arguments_are_read_again(
    connect: Connect, sql: Path, parts: Any
) -> None:
    db = connect(pool_size=1)
    text = SQL.format(number=1).replace(
        " where :n::int is null or :n = 1", "\nwhere :n = 1 --? n\n"
    )
    write(sql, text)
    assert parts.number(db) == 1
    write(sql, text.replace("select 1 as", "select 5 as"))
    assert (parts.number(db), parts.number(db, 1)) == (5, 5)


@pytest.mark.parametrize("parts", ["0"], indirect=True)
def test_without_it_a_file_is_read_once(connect: Connect, sql: Path, parts: Any) -> None:
    db = connect(pool_size=1)
    write(sql, SQL.format(number=2))
    assert parts.number(db) == 1
    assert parts.number.choice is None


def test_it_warns_that_it_is_for_development(
    caplog: pytest.LogCaptureFixture, sql: Path, request: pytest.FixtureRequest
) -> None:
    with caplog.at_level(logging.WARNING, "oadb.reload"):
        request.getfixturevalue("parts")
    assert "for development only" in caplog.text
    assert str(sql) in caplog.text
