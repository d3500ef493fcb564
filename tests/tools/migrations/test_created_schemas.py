"""The schemas of a package: what its migrations create, found in their files."""

from pathlib import Path

import pytest

from oadb.engine.binding.packages import Package, find
from oadb.errors import MigrationError
from oadb.tools.migrations import created_schemas


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """Give a package with an empty folder of migrations."""
    (tmp_path / "migrations").mkdir()
    return Package("shop", tmp_path, "sql")


def schemas_after(package: Package, *texts: str) -> list[str]:
    for number, text in enumerate(texts, 1):
        stem = Path(str(package.sql)) / "migrations" / f"{number:04}_change_schemas"
        stem.with_suffix(".sql").write_text(text)
        stem.with_suffix(".rollback.sql").write_text("create schema of_a_rollback;")
    return created_schemas.schemas(package)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("create schema shop;", ["shop"]),
        ("CREATE SCHEMA Shop;create\tschema\n  stock", ["shop", "stock"]),
        ("create schema if not exists shop; create schema if not exists shop;", ["shop"]),
        ("create schema shop authorization joe create table t (a int);", ["shop"]),
        ("create schema authorization joe;", ["joe"]),
        ('create schema "My ""Shop""";', ['My "Shop"']),
        ('create schema "if";', ["if"]),
        ("-- create schema a;\n/* create schema b; */ create /* c */ schema shop;", ["shop"]),
        ("select 'create schema a; create schema b;'; create schema shop;", ["shop"]),
        ("do $$ begin create schema a; end $$;", []),
        ("create table shop.schema (create_schema text);", []),
        ("create schema a; create schema b; drop schema if exists a, c cascade;", ["b"]),
        ("create schema a; create schema b; alter schema a rename to c;", ["c", "b"]),
        ("create schema a; alter schema a owner to b;", ["a"]),
    ],
)
def test_a_schema_is_found_where_a_statement_creates_it(
    package: Package, text: str, found: list[str]
) -> None:
    assert schemas_after(package, text) == found


def test_migrations_are_read_in_order_and_rollbacks_are_not(package: Package) -> None:
    texts = ("create schema b; create schema a;", "drop schema b;", "create schema b;")

    assert schemas_after(package, *texts) == ["a", "b"]


def test_oadb_has_one_schema() -> None:
    assert created_schemas.schemas(find("oadb")) == ["oadb"]


def test_a_package_that_was_asked_for_must_create_a_schema(
    package: Package, tmp_path: Path
) -> None:
    packages = [find("oadb"), package, Package("reports", tmp_path / "nowhere", "sql")]

    assert created_schemas.of_packages(packages, by_name=False) == {"oadb": ["oadb"]}
    with pytest.raises(MigrationError, match="the migrations of shop, reports create no schema"):
        created_schemas.of_packages(packages, by_name=True)
    with pytest.raises(MigrationError, match="the migrations of shop create no schema"):
        created_schemas.of_packages([package], by_name=False)
