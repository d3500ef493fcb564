"""Files of statistics: what they may say, and what each error names."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oadb import Database
from oadb.engine.binding.packages import Package
from oadb.errors import DeclarationError
from oadb.tools.plans import column_statistics, planned_catalog, simulation, statistics_files
from oadb.tools.plans.table_shapes import TableShape
from tests.support.declared import OADB

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def load(folder: Path, *contents: object) -> dict[str, TableShape]:
    """Load files with the contents as JSON, or as they are if they are texts."""
    (folder / "statistics").mkdir()
    for number, content in enumerate(contents):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "statistics" / f"file{number}.json").write_text(text)
    return statistics_files.load([Package("shop", folder, "sql")])


def refused(folder: Path, content: object, db: Database | None = None) -> str:
    """Return the error of a file of this content; *db* is asked for its schema."""
    with pytest.raises(DeclarationError) as raised:
        _use(folder, content, db)
    return str(raised.value)


def _use(folder: Path, content: object, db: Database | None) -> None:
    shapes = load(folder, content)
    if db is not None:
        statistics_files.check(shapes, planned_catalog.read(db, ["oadb"]))


def users(**fields: object) -> dict[str, object]:
    return {"oadb.users": {"rows": {"fixed": 1000}, **fields}}


def test_a_package_without_files_has_no_shapes(tmp_path: Path) -> None:
    assert statistics_files.load([Package("shop", tmp_path, "sql")]) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "sql/statistics/file0.json is not valid: Expecting property name"),
        ("[" * 100_000, "sql/statistics/file0.json is not valid"),
        ('{"a": 1, "a": 2}', "sql/statistics/file0.json is not valid: 'a' is there twice"),
        ([], "sql/statistics/file0.json: an object is expected, not a list"),
        ({"oadb.users": 5}, "sql/statistics/file0.json: oadb.users: an object is expected, not 5"),
        ({"oadb.users": {}}, 'oadb.users: "rows" is missing, such as {"share": 0.1}'),
        ({"oadb.users": {"rows": {}}}, 'oadb.users: rows: one of "fixed", "share" and "times"'),
        ({"oadb.users": {"rows": {"fixed": -1}}}, "'fixed' must be a number from 0 to 1e+12"),
        ({"oadb.users": {"rows": {"fixed": True}}}, "'fixed' must be a number from 0 to 1e+12"),
        ({"oadb.users": {"rows": {"times": 2}}}, '"times" and "table" go together'),
        (users(colums={}), "oadb.users: 'colums' is unknown; there may be rows, bytes, visible"),
        (
            users(columns={"email": {"null": 2}}),
            "oadb.users: column email: 'null' must be a number from 0 to 1, not 2",
        ),
        (
            users(columns={"is_admin": {"values": {"t": 0.7, "f": 0.6}}}),
            "oadb.users: column is_admin: values: the shares add up to 1.3; 1 is all rows",
        ),
        (
            users(columns={"is_admin": {"null": 0.5, "values": {"t": 0.7}}}),
            'column is_admin: the shares of "values" and of "null" are more than all rows',
        ),
        (
            users(columns={"created_at": {"between": ["now"]}}),
            'column created_at: "between" must be a list of two',
        ),
        (
            users(columns={"created_at": {"bounds": [None]}}),
            "column created_at: 'bounds' holds null; numbers and texts may be there",
        ),
    ],
)
def test_an_error_names_file_table_and_column(tmp_path: Path, content: object, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_a_table_stands_in_one_file_alone(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"file1\.json: oadb\.users: also in .*file0\.json"):
        load(tmp_path, users(), users())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {"shop.orders": {"rows": {"fixed": 1}}},
            "shop.orders: there is no such table in the schemas oadb: correct the name",
        ),
        (
            {"oadb.traffic_default": {"rows": {"fixed": 1}}},
            "oadb.traffic_default: this is a partition; say what its whole table has",
        ),
        (
            users(columns={"e_mail": {}}),
            "oadb.users: column e_mail: the table has none of this name; known: access_set_by",
        ),
        (users(indexes={"users_x": {}}), "oadb.users: index users_x: the table has none"),
        (
            {"oadb.users": {"rows": {"times": 1, "table": "oadb.nobody"}}},
            "'oadb.nobody' is no table of the packages",
        ),
    ],
)
def test_statistics_of_another_schema_are_refused(
    tmp_path: Path, shared_db: Database, content: object, said: str
) -> None:
    assert said in refused(tmp_path, content, shared_db)


def test_every_table_of_oadb_has_a_shape_that_fits_its_schema(shared_db: Database) -> None:
    shapes, catalog = statistics_files.load([OADB]), planned_catalog.read(shared_db, ["oadb"])

    statistics_files.check(shapes, catalog)
    assert statistics_files.without_statistics(shapes, catalog) == []
    assert simulation.simulate(catalog, shapes, 10**9, NOW).columns


def test_a_table_without_statistics_is_named(shared_db: Database) -> None:
    catalog = planned_catalog.read(shared_db, ["oadb"])

    assert "oadb.users" in statistics_files.without_statistics({}, catalog)


def simulated(folder: Path, db: Database, content: object) -> simulation.Simulated:
    return simulation.simulate(
        planned_catalog.read(db, ["oadb"]), load(folder, content), 10**6, NOW
    )


def test_what_a_file_does_not_say_follows_from_the_schema(
    tmp_path: Path, shared_db: Database
) -> None:
    content = {
        "oadb.users": {"rows": {"share": 0.01}},
        "oadb.pending_orders": {"rows": {"times": 4, "table": "oadb.users"}},
    }
    found = {
        (each.relation_name, each.name): each
        for each in simulated(tmp_path, shared_db, content).columns
    }

    assert found["users", "user_id"].distinct_values == -1
    assert found["users", "is_admin"].common == ["f", "t"]
    assert found["users", "first_name"].nulls == 0.5
    status = found["pending_orders", "status"]
    assert status.common == ["pending", "approved", "rejected", "sent", "failed"]
    assert status.frequencies == [0.2] * 5
    assert 0.18 < -found["pending_orders", "user_id"].distinct_values < 0.25
    bounds = found["pending_orders", "user_id"].bounds
    assert bounds is not None
    assert (bounds[0], bounds[-1]) == ("1", "10000")


def test_columns_are_as_their_values_say(tmp_path: Path, shared_db: Database) -> None:
    columns = {
        "assurance": {"values": {"1": 0.7, "2": 0.2}},
        "key_id": {"values": {"1": 1}},
        "broker": {"null": 0.95, "distinct": {"share": 1}},
    }
    content = {
        "oadb.sessions": {"rows": {"fixed": 1000}, "columns": columns},
        "oadb.api_keys": {"rows": {"fixed": 1000}, "columns": {"scopes": {"items": 2}}},
        "oadb.ip_trackers": {"rows": {"fixed": 1000}},
    }
    found = {
        (each.relation_name, each.name): each
        for each in simulated(tmp_path, shared_db, content).columns
    }

    assert found["sessions", "key_id"].nulls == 0
    assert found["sessions", "broker"].distinct_values == pytest.approx(-0.05)
    assert found["ip_trackers", "kind"].width == 1 + len("not_found bad_key") // 2
    assert (found["api_keys", "scopes"].item_counts or [])[-1] == 2


def test_tables_that_are_counted_by_each_other_are_refused(
    tmp_path: Path, shared_db: Database
) -> None:
    content = {
        "oadb.users": {"rows": {"times": 1, "table": "oadb.sessions"}},
        "oadb.sessions": {"rows": {"times": 1, "table": "oadb.users"}},
    }
    with pytest.raises(DeclarationError, match="itself counted by the rows of this one"):
        simulated(tmp_path, shared_db, content)


@pytest.mark.parametrize("between", [["x", "now"], [1, 2], ["now", "oadb.users"]])
def test_limits_that_are_no_times_are_refused(
    tmp_path: Path, shared_db: Database, between: list[object]
) -> None:
    with pytest.raises(DeclarationError, match=r'oadb\.users: column created_at: "between" must'):
        simulated(tmp_path, shared_db, users(columns={"created_at": {"between": between}}))


@pytest.mark.parametrize(("rows", "analyzed"), [(30_000, 22_559), (100_000, 36_671)])
def test_values_are_counted_as_by_a_sample(rows: int, analyzed: int) -> None:
    """The figures are those of ANALYZE on rows with one of 50,000 values, by chance."""
    found = column_statistics.estimated_distinct(rows, 50_000)

    assert found == pytest.approx(analyzed, rel=0.02)
