"""Several databases are read as one installation, of any version of OpenAlgo."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from oadb import Database, Secret
from oadb.accounts import api_keys
from oadb.errors import LoadError
from oadb.importing import master_contract, runs, sources, sqlite_source
from tests.importing.openalgo import API_KEY, TABLES, Installation
from tests.importing.running import run_import, text_of


def test_a_table_with_rows_in_two_files_is_refused(origin: Installation) -> None:
    user = {"username": "a", "email": "a@b.in", "password_hash": "x", "totp_secret": ""}
    origin.script("old", "create table users (id integer primary key, username text)")
    with sources.opened([origin.folder], []) as found:
        assert [*found.rows("users")] == []
    origin.add("users", {"username": "b"}, file="old")
    with sources.opened([origin.folder], []) as found:
        assert [row["username"] for row in found.rows("users")] == ["b"]
    origin.add("users", user)

    with (
        pytest.raises(
            LoadError, match=r"users is in old\.db and openalgo\.db|openalgo\.db and old"
        ),
        sources.opened([origin.folder], []),
    ):
        pass


def test_a_folder_without_databases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with (
        pytest.raises(LoadError, match=r"no \*\.db file"),
        sources.opened([tmp_path / "empty"], []),
    ):
        pass


def test_a_file_is_read_without_another_beside_it_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "openalgo.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("pragma journal_mode = wal; create table users (id integer);")
    with sqlite_source.opened(path) as source:
        assert source.count("users") is None, "it is imported, not counted"
        assert [*tmp_path.iterdir()] == [path]

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        source._connection.execute("select 1")


@pytest.mark.parametrize(
    ("table", "known"),
    [*runs._COLUMNS.items(), (master_contract.TABLE, master_contract._COLUMNS)],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_every_column_of_a_table_of_an_installation_is_known(
    table: str, known: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES[table])
        columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]

    assert sorted(columns) == sorted(known)


def test_missing_and_unknown_columns_are_reported(db: Database, origin: Installation) -> None:
    origin.add_asha()
    origin.script(
        "openalgo",
        """
        alter table users drop column totp_enabled;
        alter table users drop column totp_required_for_login;
        alter table users add column telegram text default 'canary';
        alter table api_keys drop column order_mode;
        drop table login_attempts;
        drop table analyzer_logs;
        create table flow_workflows (id integer primary key);
        create table novel_table (id integer primary key);
        """,
    )
    reports = run_import(db, origin)
    said = text_of(reports)

    assert "it lacks the columns totp_enabled, totp_required_for_login" in said
    assert "it has columns that are not read: telegram" in said
    assert "it lacks the columns order_mode" in said
    assert "canary" not in said
    assert "login_attempts" not in reports
    verified = api_keys.verify(db, Secret(API_KEY))
    assert isinstance(verified, api_keys.VerifiedKey)
    assert verified.order_mode == "auto"
    with sources.opened([origin.folder], []) as found:
        assert found.not_imported() == {
            "short-lived": {"active_sessions": 0},
            "no counterpart in oadb": {"flow_workflows": 0, "novel_table": None},
        }


def test_a_table_without_ids_is_left_out_and_the_others_are_imported(
    db: Database, origin: Installation
) -> None:
    origin.add_asha()
    origin.add_logs(1)
    origin.script(
        "openalgo",
        """
        drop table settings;
        create table settings (key text primary key, value text);
        insert into settings values ('analyze_mode', 'canary');
        drop table order_logs;
        create table order_logs (id text primary key, api_type text);
        insert into order_logs values ('canary', 'placeorder');
        drop table strategy_symbol_mappings;
        create table strategy_symbol_mappings (strategy_id integer, symbol text);
        """,
    )
    reports = run_import(db, origin)

    assert reports["users"].written == reports["analyzer_logs"].written == 1
    for table in ("settings", "order_logs", "strategy_symbol_mappings"):
        assert [*reports[table].lines("written")][1:] == [
            "    it is left out: in openalgo.db, its primary key is not a whole number named id"
        ]
    assert "it is left out, because strategy_symbol_mappings is" in "".join(
        reports["strategies"].remarks
    )
    assert "canary" not in text_of(reports)
