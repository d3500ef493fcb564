"""References between Python files, by names."""

from pathlib import Path

import pytest

from oadb.engine.binding.packages import find
from oadb.tools.dependencies import source_files
from oadb.tools.dependencies.code_references import CodeReferences, CodeUses
from oadb.tools.dependencies.module_names import SourceFile

DECLARING = """
@query
def get(user_id: int) -> str: ...

@query
def _put(user_id: int) -> None: ...

WRITES = Writes(_put)

async def replace(db, user_id, get=None):
    get(db)
    await _put(db, user_id)
"""


def uses(tmp_path: Path, unit: str, **texts: str) -> CodeUses:
    files: list[SourceFile] = []
    for name, text in {"shop_orders": DECLARING, **texts}.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        files.append(SourceFile(name.replace("_", "."), path, path.name, name.startswith("test")))
    return CodeReferences(files).uses_of(unit)


def lines(found: CodeUses) -> list[tuple[str, int, str]]:
    return [(each.path, each.line, each.within) for each in found.callers]


def test_callers_are_found_in_the_module_itself_and_where_they_hand_it_on(tmp_path: Path) -> None:
    assert lines(uses(tmp_path, "shop.orders._put")) == [
        ("shop_orders.py", 8, ""),
        ("shop_orders.py", 12, "replace"),
    ]


def test_a_parameter_of_the_same_name_is_no_caller(tmp_path: Path) -> None:
    assert lines(uses(tmp_path, "shop.orders.get")) == []


@pytest.mark.parametrize(
    "text",
    [
        "from shop import orders\ndef show(db):\n    orders.get(db, 1)",
        "from shop.orders import get\ndef show(db):\n    get(db, 1)",
        "from . import orders as o\ndef show(db):\n    o.get(db, 1)",
        "import shop.orders\ndef show(db):\n    shop.orders.get.many(db, [])",
        "from shop.orders import get as fetch\ndef show(db):\n    return each(fetch)",
    ],
)
def test_callers_are_found_however_they_import_it(tmp_path: Path, text: str) -> None:
    assert lines(uses(tmp_path, "shop.orders.get", shop_pages=text)) == [
        ("shop_pages.py", 3, "show")
    ]


def test_a_name_that_a_module_only_passes_on_is_followed(tmp_path: Path) -> None:
    found = uses(
        tmp_path,
        "shop.orders.get",
        shop_front="from shop.orders import get",
        shop_pages="from shop import front\ndef show(db):\n    front.get(db, 1)",
    )

    assert lines(found) == [("shop_pages.py", 3, "show")]


def test_tests_run_a_statement_by_its_name_or_through_its_callers(tmp_path: Path) -> None:
    text = "from shop import orders\ndef test_it(db):\n    orders.replace(db, 1)"

    (test,) = uses(tmp_path, "shop.orders._put", test_orders=text).tests

    assert (test.path, test.line, test.within) == ("test_orders.py", 3, "test_it")
    assert test.through == ("orders.replace",)


def test_a_file_that_is_not_python_is_left_out(tmp_path: Path) -> None:
    assert lines(uses(tmp_path, "shop.orders._put", shop_template="{{ name }} = 1")) != []


@pytest.mark.long("reads all code and all tests")
def test_every_public_statement_of_oadb_is_used_by_something() -> None:
    references = CodeReferences(source_files.files_of([find("oadb")]))

    found = references.uses_of("oadb.accounts.users.get")

    assert {each.path for each in found.callers} >= {"oadb/accounts/users.py"}
    assert found.test_count > len(found.tests) > 0
