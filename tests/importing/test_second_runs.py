"""A second import tells the truth: field by field, what changed there, here, and in both."""

import pytest

from oadb import Database, Secret
from oadb.accounts import api_keys, users
from oadb.bans import ip_bans
from oadb.importing.merging import Choices
from oadb.security.refusals import Refusal
from oadb.settings import app_settings
from tests.importing.changed_fields import BANNED, FIELDS, Field, install
from tests.importing.openalgo import API_KEY, SECRETS, Installation
from tests.importing.running import Reports, run_import, text_of
from tests.support.rig import Observer

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports a whole installation twice")]

CHANGEABLE = [each for each in FIELDS if each.here is not None]


@pytest.fixture
def imported(db: Database, origin: Installation) -> Installation:
    install(origin)
    run_import(db, origin)
    return origin


def seen(reports: Reports, found: str) -> set[tuple[str, str, str]]:
    """Return table, id and field of everything that was found."""
    return {
        (report.table, row_id, name)
        for report in reports.values()
        for name, ids in report.compared()[found].items()
        for row_id in ids
    }


def keys(fields: list[Field]) -> set[tuple[str, str, str]]:
    return {(each.table, str(each.row_id), each.name) for each in fields}


def looks(db: Database, fields: list[Field]) -> list[object]:
    return [(each.table, each.name, each.look(db)) for each in fields]


def expected(fields: list[Field]) -> list[object]:
    return [(each.table, each.name, each.expected) for each in fields]


def followed(db: Database) -> list[object]:
    """Return the fields that are already as they become there."""
    pairs = zip(looks(db, FIELDS), expected(FIELDS), strict=True)
    return [look for look, each in pairs if look == each]


def change_here(db: Database, fields: list[Field]) -> None:
    for each in fields:
        assert each.here is not None
        each.here(db)


@pytest.mark.long("imports a whole installation several times")
def test_what_changed_there_alone_is_taken(db: Database, imported: Installation) -> None:
    assert followed(db) == []
    for each in FIELDS:
        each.there(imported)
    dry = run_import(db, imported, applies=False)
    assert followed(db) == []
    reports = run_import(db, imported)

    assert looks(db, FIELDS) == expected(FIELDS)
    assert keys(FIELDS) <= seen(reports, "taken")
    assert text_of(dry) == text_of(reports)
    assert not any(seen(reports, each) for each in ("kept", "open", "gone"))
    assert not any(report.differs for report in reports.values())
    again = run_import(db, imported)
    assert not seen(again, "taken")
    assert not any(report.differs for report in again.values())


def test_what_changed_here_alone_stays(db: Database, imported: Installation) -> None:
    change_here(db, CHANGEABLE)
    before = looks(db, CHANGEABLE)
    for _ in range(2):
        reports = run_import(db, imported)

        assert looks(db, CHANGEABLE) == before
        assert keys(CHANGEABLE) - {("strategies", "1", "mapping WIPRO")} <= seen(reports, "kept")
        assert not any(seen(reports, each) for each in ("taken", "open", "gone"))
        assert all(reports[each.table].differs for each in CHANGEABLE)


@pytest.mark.long("imports a whole installation several times")
def test_what_changed_in_both_is_listed_and_needs_a_choice(
    db: Database, imported: Installation
) -> None:
    differing = [each for each in CHANGEABLE if not each.two]
    for each in CHANGEABLE:
        each.there(imported)
    change_here(db, CHANGEABLE)
    before = looks(db, CHANGEABLE)
    for _ in range(2):
        reports = run_import(db, imported)

        assert looks(db, CHANGEABLE) == before
        assert keys(differing) <= seen(reports, "open")
        assert not keys([each for each in CHANGEABLE if each.two]) & seen(reports, "open")
    said = text_of(reports)
    assert "! 1 left as in oadb, needs a choice: api_key (id 1)" in said
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.long("imports a whole installation several times")
def test_a_choice_settles_what_changed_in_both(db: Database, imported: Installation) -> None:
    differing = [each for each in CHANGEABLE if not each.two]
    for each in differing:
        each.there(imported)
    change_here(db, differing)
    rows = {f"{each.table}:{each.row_id}" for each in differing}
    kept = frozenset({"auth:1", "users:1"})
    before = dict(zip(map(str, differing), looks(db, differing), strict=True))
    run_import(db, imported, choices=Choices(frozenset(rows - kept), kept))

    for each in differing:
        if f"{each.table}:{each.row_id}" in kept:
            assert looks(db, [each]) == [before[str(each)]]
        else:
            assert looks(db, [each]) == expected([each])
    again = run_import(db, imported)
    assert not seen(again, "open")
    assert not seen(again, "taken")


def test_what_is_gone_there_is_listed_and_stays(db: Database, imported: Installation) -> None:
    before = looks(db, FIELDS)
    tables = ("users", "api_keys", "auth", "strategies", "chartink_strategies", "ip_bans")
    for table in tables:
        imported.delete(table, 1)
    reports = run_import(db, imported)

    assert {(table, "1", "the row") for table in tables} <= seen(reports, "gone")
    assert looks(db, FIELDS) == before
    assert all(reports[table].differs for table in tables)


@pytest.mark.long("imports a whole installation several times")
def test_what_was_deleted_here_stays_deleted(db: Database, imported: Installation) -> None:
    asha = users.find_by_username(db, "asha")
    assert asha is not None
    users.delete(db, asha.user_id)
    ip_bans.unban(db, BANNED)
    reports = run_import(db, imported)

    assert users.find_by_username(db, "asha") is None
    assert api_keys.verify(db, Secret(API_KEY)) is Refusal.UNKNOWN
    assert ip_bans.find_by_ip(db, BANNED) is None
    gone = "the row, which was deleted"
    assert {("users", "1", gone), ("ip_bans", "1", gone)} <= seen(reports, "kept")

    run_import(db, imported, choices=Choices(take=frozenset({"users:1", "api_keys:1"})))
    assert api_keys.verify(db, Secret(API_KEY))


@pytest.mark.long("imports a whole installation several times")
def test_an_unchanged_installation_is_imported_again_without_a_write(
    db: Database, imported: Installation, observer: Observer
) -> None:
    imported.add_logs(3)
    run_import(db, imported)
    before = written(observer)
    reports = run_import(db, imported)

    assert written(observer) == before
    assert not any(report.differs for report in reports.values())


def written(observer: Observer) -> dict[str, object]:
    """Return the transactions that wrote the rows of each table."""
    tables = observer.rows(
        "select oid::regclass::text from pg_class "
        "where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p')"
    )
    return {
        table: observer.rows(f"select xmin::text, count(*) from {table} group by 1 order by 1")
        for (table,) in tables
    }


def test_without_a_ledger_a_difference_needs_a_choice(
    db: Database, imported: Installation, observer: Observer
) -> None:
    observer.rows("delete from oadb.imported_rows returning 1")
    imported.change("api_keys", 1, order_mode="auto")
    imported.change("settings", 1, analyze_mode=0)
    reports = run_import(db, imported)

    assert app_settings.get_trading_mode(db) == "analyze"
    assert seen(reports, "open") == {
        ("api_keys", "1", "order_mode"),
        ("settings", "1", "analyze_mode"),
    }


def test_after_the_retirement_of_a_root_key_what_is_equal_stays_so_and_the_rest_needs_a_choice(
    db: Database, imported: Installation, observer: Observer
) -> None:
    names = "'username', 'user_id', 'name', 'ip_address'"
    lost = f"""
    update oadb.imported_rows set
        there = (select jsonb_object_agg(key, case when key in ({names}) then value else '"00"' end)
                 from jsonb_each(there)),
        here = (select jsonb_object_agg(key, case when key in ({names}) then value else '"=00"' end)
                from jsonb_each(here))
    where table_name <> 'ip_bans' returning 1"""
    observer.rows(lost)
    imported.change("api_keys", 1, order_mode="auto")
    reports = run_import(db, imported)

    assert seen(reports, "open") == {("api_keys", "1", "order_mode")}
    assert not any(seen(reports, each) for each in ("taken", "kept", "gone"))
    imported.change("api_keys", 1, order_mode="semi_auto")
    assert not any(each.differs for each in run_import(db, imported).values())
