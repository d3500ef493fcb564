"""Where the SQL of a module is: inside of its package or beside it, also in a zip file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from oadb.engine.binding.packages import Package, find
from oadb.errors import DeclarationError

MODULE = """
from oadb.engine.binding.queries import queries

query = queries(__name__)

@query
def count() -> int: ...

query.complete()
"""
SQL = "-- name: count\nselect 1 as one;\n"

Write = Callable[..., Path]

pytestmark = pytest.mark.long("most of them start an interpreter")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def run(folder: Path, *arguments: str, path: str = "") -> str:
    """Run Python in *folder*, and return what it printed, errors included."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def bound(folder: Path, module: str, path: str = "") -> str:
    """Import *module*, and return the path of its statement as errors show it."""
    code = f"import {module} as m; print(m.count.statement.path)"
    return run(folder, "-c", code, path=path).strip()


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("shop/sql/queries/orders.sql", "shop/sql/queries/orders.sql"),
        ("sql/queries/orders.sql", "sql/queries/orders.sql"),
    ],
    ids=["inside of the package", "beside the package"],
)
def test_a_module_finds_its_sql(write: Write, sql: str, shown: str) -> None:
    folder = write({"shop/__init__.py": "", "shop/orders.py": MODULE, sql: SQL})

    assert bound(folder, "shop.orders") == shown


def test_a_module_in_a_source_folder_finds_its_sql_beside_that(write: Write) -> None:
    folder = write(
        {
            "src/shop/__init__.py": "",
            "src/shop/stock/lots.py": MODULE,
            "sql/queries/stock/lots.sql": SQL,
        }
    )

    assert bound(folder, "shop.stock.lots", path="src") == "sql/queries/stock/lots.sql"


def test_a_package_without_an_init_file_finds_its_sql(write: Write) -> None:
    folder = write({"shop/orders.py": MODULE, "shop/sql/queries/orders.sql": SQL})

    assert bound(folder, "shop.orders") == "shop/sql/queries/orders.sql"


def test_the_top_level_module_has_a_file_of_its_own(write: Write) -> None:
    folder = write({"shop/__init__.py": MODULE, "shop/sql/queries/__init__.sql": SQL})

    assert bound(folder, "shop") == "shop/sql/queries/__init__.sql"
    package = Package("shop", folder / "shop" / "sql", "shop/sql")
    assert package.module_of("__init__") == "shop"
    assert package.module_of("shop") == "shop.shop"
    assert package.module_of("stock/lots") == "shop.stock.lots"


def test_another_folder_can_be_named(write: Write) -> None:
    module = MODULE.replace("(__name__)", "(__name__, folder='database')")
    folder = write({"shop/orders.py": module, "shop/database/queries/orders.sql": SQL})

    assert bound(folder, "shop.orders") == "shop/database/queries/orders.sql"


def test_a_package_in_a_zip_file_finds_its_sql(write: Write) -> None:
    folder = write({})
    with ZipFile(folder / "shop.zip", "w") as archive:
        archive.writestr("shop/__init__.py", "")
        archive.writestr("shop/orders.py", MODULE)
        archive.writestr("shop/sql/queries/orders.sql", SQL)

    assert bound(folder, "shop.orders", path="shop.zip") == "shop/sql/queries/orders.sql"


@pytest.mark.parametrize("arguments", [("report.py",), ("-m", "report")])
def test_a_script_finds_its_sql_beside_it(write: Write, arguments: tuple[str, ...]) -> None:
    script = f"{MODULE}\nprint(count.statement.path)"
    folder = write({"report.py": script, "sql/queries/report.sql": SQL})

    assert run(folder, *arguments).strip() == "sql/queries/report.sql"


def test_a_module_that_is_run_finds_the_sql_of_its_name(write: Write) -> None:
    script = f"{MODULE}\nprint(count.statement.path)"
    folder = write(
        {"shop/__init__.py": "", "shop/report.py": script, "shop/sql/queries/report.sql": SQL}
    )

    assert run(folder, "-m", "shop.report").strip() == "shop/sql/queries/report.sql"


def test_a_package_without_sql_is_refused_with_what_to_do(write: Write) -> None:
    folder = write({"shop/orders.py": MODULE})

    message = bound(folder, "shop.orders").splitlines()[-1]
    assert message == (
        "oadb.errors.DeclarationError: shop has no SQL: neither shop/sql/queries nor sql/queries "
        "beside shop exists; create one of them, or name another folder: "
        "queries(__name__, folder=...)"
    )


def test_a_module_without_a_query_file_is_refused(write: Write) -> None:
    folder = write({"shop/orders.py": MODULE, "shop/sql/queries/other.sql": SQL})

    assert "shop/sql/queries/orders.sql does not exist" in bound(folder, "shop.orders")


def test_the_interactive_interpreter_is_refused(write: Write) -> None:
    message = run(write({}), "-c", MODULE)

    assert "__main__ has no file beside which its SQL could be" in message


def test_places_are_listed_in_order(write: Write) -> None:
    folder = write({"sql/queries/b/c.sql": SQL, "sql/queries/a.sql": SQL, "sql/queries/x.txt": ""})

    assert Package("x", folder / "sql", "sql").places() == ["a", "b/c"]


def test_a_package_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ImportError):
        find("no_such_package")
    with pytest.raises(DeclarationError, match="json has no SQL"):
        find("json")
