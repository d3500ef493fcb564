"""A run imports only the rows added since the last one, and refuses another table in its place."""

from typing import Any

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.errors import LoadError
from oadb.importing import imports
from tests.importing.openalgo import Installation
from tests.importing.running import HISTORIES, LOGS, counts, run_import, tally, text_of
from tests.support.rig import Observer

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports an installation each time")]


def test_a_second_run_imports_only_rows_added_since(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add_logs(2)
    dry = run_import(db, origin, applies=False)
    assert counts(observer) == dict.fromkeys(LOGS, 0)
    first = run_import(db, origin)
    second = run_import(db, origin)
    origin.add_logs(1)
    third = run_import(db, origin)

    assert text_of(dry) == text_of(first)
    assert {each: tally(second[each]) for each in HISTORIES} == dict.fromkeys(HISTORIES, (0, 0, 2))
    assert {each: tally(third[each]) for each in HISTORIES} == dict.fromkeys(HISTORIES, (1, 1, 2))
    assert counts(observer) == dict.fromkeys(LOGS, 3)


def let_another_run_be_faster(
    monkeypatch: pytest.MonkeyPatch, db: Database, origin: Installation
) -> None:
    """Let the next run be overtaken by another one once it has read where to continue."""
    real = imports.get_progress

    def slow(*args: Any) -> Any:
        found = real(*args)
        monkeypatch.setattr(imports, "get_progress", real)
        run_import(db, origin)
        return found

    monkeypatch.setattr(imports, "get_progress", slow)


def test_concurrent_runs_import_no_row_twice(
    db: Database, observer: Observer, origin: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.add_logs(1)
    let_another_run_be_faster(monkeypatch, db, origin)
    with pytest.raises(LoadError, match="another import of openalgo is running"):
        run_import(db, origin)

    assert counts(observer) == dict.fromkeys(LOGS, 1)


def test_another_installation_needs_another_name(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add_logs(1)
    run_import(db, origin)
    origin.add_asha()
    origin.change("order_logs", 1, created_at="2025-07-30 10:00:00")

    for applies in (False, True):
        with pytest.raises(LoadError, match=r"^order_logs: up to id 1, .* another OpenAlgo\. "):
            run_import(db, origin, applies=applies)
    assert users.count(db) == 0
    run_import(db, origin, installation="second")
    assert counts(observer) == dict.fromkeys(LOGS, 2)


def test_an_older_copy_is_refused_before_anything_is_written(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add_calls(*(f"2025-07-31 09:0{number}:00" for number in range(5)))
    run_import(db, origin)
    origin.add_asha()
    origin.script("openalgo", "delete from order_logs where id > 3")

    with pytest.raises(LoadError, match=r"order_logs: .* as 'openalgo': .* an older copy, .*"):
        run_import(db, origin)
    assert (counts(observer)["api_logs"], users.count(db)) == (5, 0)


@pytest.mark.parametrize("again", [1, 2, 3])
def test_a_cleared_table_is_imported_from_its_first_row(
    db: Database, observer: Observer, origin: Installation, again: int
) -> None:
    origin.add_calls("2025-07-31 09:00:00", "2025-07-31 09:01:00")
    run_import(db, origin)
    origin.script("openalgo", "delete from order_logs")
    assert tally(run_import(db, origin)["order_logs"]) == (0, 0, 2)
    origin.add_calls(*(f"2025-08-01 09:0{number}:00" for number in range(again)))
    reports = run_import(db, origin)

    assert tally(reports["order_logs"]) == (again, again, 2)
    assert "its ids started again: it is imported from its first row" in text_of(reports)
    origin.add_calls("2025-08-02 09:00:00")
    assert tally(run_import(db, origin)["order_logs"]) == (1, 1, 2 + again)
    assert counts(observer)["api_logs"] == 3 + again
    assert observer.rows("select count(distinct logged_at) from oadb.api_logs") == [(3 + again,)]


@pytest.mark.parametrize("gone", ["id < 3", "id = 3", "id in (1, 3)", "id <= 3"])
def test_rows_deleted_since_do_not_stop_a_run(
    db: Database, observer: Observer, origin: Installation, gone: str
) -> None:
    origin.add_calls(*(f"2025-07-31 09:0{number}:00" for number in range(3)))
    run_import(db, origin)
    origin.add_calls("2025-07-31 09:03:00")
    origin.script("openalgo", f"delete from order_logs where {gone}")
    reports = run_import(db, origin)

    assert tally(reports["order_logs"]) == (1, 1, 3)
    assert "started again" not in text_of(reports)
    assert counts(observer)["api_logs"] == 4


def test_without_a_recorded_time_a_changed_last_row_is_refused(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add_calls("2025-07-31 09:00:00")
    run_import(db, origin)
    observer.rows("update oadb.imports set last_at = null")
    assert tally(run_import(db, origin)["order_logs"]) == (0, 0, 1)
    origin.change("order_logs", 1, created_at="2025-08-01 10:00:00")

    with pytest.raises(LoadError, match="order_logs: up to id 1"):
        run_import(db, origin)


def test_concurrent_runs_import_no_row_twice_after_ids_started_again(
    db: Database, observer: Observer, origin: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.add_logs(1)
    run_import(db, origin)
    origin.change("login_attempts", 1, timestamp="2025-08-01 09:00:00")
    let_another_run_be_faster(monkeypatch, db, origin)
    with pytest.raises(LoadError, match="another import of openalgo is running"):
        run_import(db, origin)

    assert counts(observer) == {**dict.fromkeys(LOGS, 1), "login_attempts": 2}


def test_rows_with_negative_ids_are_imported(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add_calls("2025-07-31 09:00:00", "2025-07-31 09:01:00", "2025-07-31 09:02:00")
    origin.script("openalgo", "update order_logs set id = case id when 1 then -5 else id - 2 end")
    reports = [run_import(db, origin) for _ in range(2)]

    assert [tally(each["order_logs"]) for each in reports] == [(3, 3, 0), (0, 0, 3)]
    assert counts(observer)["api_logs"] == 3
