"""The rules of the house: who imports whom, how long code is, what SQL may say."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

from oadb.engine.binding.packages import find
from oadb.tools.activity import optional_statements
from tests.support.declared import OADB

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "oadb"
MODULES = sorted(PACKAGE.rglob("*.py"))
PLACES = sorted([*OADB.places(), *find("oadb", optional_statements.FOLDER).places()])

DOCUMENTS = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/*.md"))]


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax of each module of the package, by its path in the package."""
    return {path.relative_to(PACKAGE): ast.parse(path.read_bytes()) for path in MODULES}


def shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def nodes(kind: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    """Yield what *kind* of node is in the modules of the package."""
    for path, tree in trees().items():
        yield from ((path, node) for node in ast.walk(tree) if isinstance(node, kind))


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports, also inside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@cache
def imported() -> dict[Path, set[str]]:
    """Return what each module imports, also from other packages."""
    return {path: {*imports(tree)} for path, tree in trees().items()}


# Folders and arrows ----------------------------------------------------------------------------


def queries(tree: ast.AST) -> set[str]:
    """Return the names of the queries that a module declares."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for each in node.decorator_list
        if isinstance(each, ast.Name) and each.id == "query"
    }


def named(path: Path) -> frozenset[str]:
    """Return what a file says as module.name, or imports so."""
    text = path.read_text()
    found = set(re.findall(r"\b([a-z_]+\.[a-z_]+)\b", text))
    for module, names in re.findall(r"from oadb\.[\w.]*?(\w+) import ([^()\n]+|\([^)]*\))", text):
        found |= {f"{module}.{name}" for name in re.findall(r"\w+", names)}
    return frozenset(found)


def run_at_home_only(place: str, files: Counter[str]) -> set[str]:
    """Return the public queries that their module runs and no other file; *files* name each."""
    tree, module = trees()[Path(f"{place}.py")], Path(place).name
    at_home = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own = named(PACKAGE / f"{place}.py")
    return {
        f"{module}.{name}"
        for name in queries(tree) & at_home
        if not name.startswith("_") and files[f"{module}.{name}"] == (f"{module}.{name}" in own)
    }


def test_a_query_that_only_its_module_runs_is_private() -> None:
    files = Counter(name for path in (*MODULES, *DOCUMENTS) for name in named(path))

    assert {name for place in PLACES for name in run_at_home_only(place, files)} == set()


def test_a_module_declares_queries_where_a_file_of_its_path_has_them() -> None:
    declaring = {str(path.with_suffix("")) for path, tree in trees().items() if queries(tree)}

    assert sorted(declaring) == PLACES


def test_only_the_package_itself_its_errors_and_where_it_runs_are_in_no_room() -> None:
    alone = {"__init__", "__main__", "errors", "runtimes"}

    assert {path.stem for path in PACKAGE.glob("*.py")} == alone


BELOW_SUBJECTS = ("keys", "changes", "validation", "engine", "security", "runtimes", "errors")
SUBJECTS = ("accounts", "market", "trading", "logs", "bans", "settings")

# Which rooms each room may import from, besides itself; the order is that of the floors.
ARROWS = {
    "errors.py": (),
    "runtimes.py": ("errors",),
    "security": ("errors",),
    "engine": ("security", "runtimes", "errors"),
    "embedded": ("engine", "errors"),
    "validation": ("engine", "security", "errors"),
    "changes": ("engine", "security", "errors"),
    "keys": ("engine", "security", "errors"),
    **dict.fromkeys(SUBJECTS, BELOW_SUBJECTS),
    "importing": (*SUBJECTS, *BELOW_SUBJECTS),
    "tools": ("importing", "embedded", *SUBJECTS, *BELOW_SUBJECTS),
    "integrations": ("importing", *SUBJECTS, *BELOW_SUBJECTS),
    "testing": ("tools", "embedded", *SUBJECTS, "engine", "security", "errors"),
    "__init__.py": ("engine", "security", "runtimes"),
    "__main__.py": ("tools",),
}


def test_every_room_says_what_it_may_import() -> None:
    rooms = {path.parts[0] for path in trees()}

    assert rooms == set(ARROWS)


@pytest.mark.parametrize("room", ARROWS)
def test_arrows_between_rooms_go_one_way(room: str) -> None:
    allowed = {f"oadb.{name}" for name in (*ARROWS[room], room)}

    assert {
        f"{path}: {name}"
        for path, names in imported().items()
        if path.parts[0] == room
        for name in names
        if name.startswith("oadb.") and ".".join(name.split(".")[:2]) not in allowed
    } == set()


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    """Annotations count as well: a circle for a type checker is one for a reader."""
    names = {dotted(path) for path in trees()}
    graph = {
        dotted(path): {each if each in names else each.rpartition(".")[0] for each in found}
        for path, found in imported().items()
    }

    TopologicalSorter(graph).prepare()


def dotted(path: Path) -> str:
    return ".".join(("oadb", *path.with_suffix("").parts)).removesuffix(".__init__")


def test_no_two_modules_have_the_same_name() -> None:
    names = Counter(path.stem for path in trees() if path.stem != "__init__")

    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_classes_have_the_same_name() -> None:
    names = Counter(node.name for _, node in nodes(ast.ClassDef) if isinstance(node, ast.ClassDef))

    assert [name for name, count in names.items() if count > 1] == []


def test_values_of_any_type_are_the_engines_alone() -> None:
    found = [
        str(path)
        for path, node in nodes(ast.ImportFrom)
        if isinstance(node, ast.ImportFrom) and "Any" in {name.name for name in node.names}
        if not path.is_relative_to("engine")
    ]

    assert found == []


def test_no_module_is_a_drawer() -> None:
    names = {path.stem for path in MODULES}

    assert names.isdisjoint({"utils", "util", "common", "helpers", "base", "misc"})


# Lengths ---------------------------------------------------------------------------------------


def longer_than(most: int, paths: list[Path]) -> dict[str, int]:
    """Return how many lines each file has that has more than *most*."""
    counts = {shown(path): len(path.read_text().splitlines()) for path in paths}
    return {path: count for path, count in counts.items() if count > most}


def test_a_module_has_at_most_300_lines() -> None:
    assert longer_than(300, MODULES) == {}


def lengths() -> dict[str, int]:
    """Return how many lines each function has, without decorators and docstring."""
    found: dict[str, int] = {}
    for path, node in nodes(ast.AST):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
            last = body[-1].end_lineno or node.lineno
            head = node.body[0].lineno - node.lineno
            found[f"{path}:{node.lineno} {node.name}"] = last - body[0].lineno + 1 + head
    return found


def test_a_function_has_at_most_40_lines_and_half_of_them_less_than_10() -> None:
    found = lengths()

    assert {name: length for name, length in found.items() if length > 40} == {}
    assert median(found.values()) < 10


# SQL in Python ---------------------------------------------------------------------------------

STATEMENT = re.compile(
    r"\s*(select\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\("
    r"|(create|alter|drop)\s+(table|index|database|role|schema|user)\s|copy\s+\S+\s+(from|to|\()"
    r"|pragma\s|begin\s*(;|$|transaction|work|immediate|exclusive|deferred))",
    re.IGNORECASE,
)

# Where a statement cannot stand in a file of queries, and why.
ELSEWHERE = {
    "embedded/embedded_server.py": "makes databases, whose names cannot be parameters",
    "testing/clusters.py": "makes databases and roles, before there is any of oadb",
    "testing/servers.py": "makes and drops databases, whose names cannot be parameters",
    "tools/dependencies/statement_functions.py": "asks about a statement, within another one",
    "tools/intended/mending.py": "writes statements for a DBA to read and run; none is sent",
    "tools/intended/column_mending.py": "writes statements for a DBA to read and run; none is sent",
}


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the strings of a module that are not docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docs:
            yield node


def sql_in(tree: ast.AST) -> Iterator[str]:
    for literal in literals(tree):
        value = literal.value
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        if isinstance(text, str) and STATEMENT.match(text):
            yield f"{literal.lineno}: {text.strip()[:60]}"


def test_sql_is_written_in_files_of_queries_alone() -> None:
    found = {
        str(path): [*sql_in(tree)]
        for path, tree in trees().items()
        if path.parts[0] != "engine" and str(path) not in ELSEWHERE
    }

    assert {path: texts for path, texts in found.items() if texts} == {}


def test_the_exceptions_to_the_rule_are_still_needed() -> None:
    assert all([*sql_in(trees()[Path(path)])] for path in ELSEWHERE)


@pytest.mark.parametrize(
    "text",
    ["select 1", b"\n  INSERT INTO x", "update x set y = 1", "pragma quick_check(1)", "begin"],
)
def test_sql_in_python_would_be_noticed(text: str) -> None:
    assert [*sql_in(ast.parse(f"x = {text!r}"))]
    assert not [*sql_in(ast.parse("def f():\n    'select 1'"))]


# Exceptions --------------------------------------------------------------------------------------

EXCEPTION = re.compile(
    r"#\s*(fmt: skip|noqa(: [A-Z0-9, ]+)?|(type|pyright): ignore(\[[^\]]*\])?)\s*$", re.MULTILINE
)
PYTHON = [*MODULES, *sorted((REPOSITORY / "tests").rglob("*.py"))]


def test_an_exception_from_a_rule_says_why() -> None:
    assert [
        f"{shown(path)}: {match[0]}"
        for path in PYTHON
        for match in EXCEPTION.finditer(path.read_text())
    ] == []


@pytest.mark.parametrize("text", ["x  # noqa: S101", ")  # fmt: skip", "y  # type: ignore[misc]"])
def test_an_exception_without_a_reason_would_be_noticed(text: str) -> None:
    assert EXCEPTION.search(text)
    assert not EXCEPTION.search(f"{text}  # because")


def test_a_file_of_tests_has_at_most_400_lines() -> None:
    assert longer_than(400, PYTHON[len(MODULES) :]) == {}


def test_every_test_that_the_usual_run_leaves_out_for_its_time_says_why() -> None:
    for path in REPOSITORY.glob("tests/**/test_*.py"):
        for reason in re.findall(r"\bpytest\.mark\.long\b(.*)", path.read_text()):
            assert re.match(r'\("[^"]+"\)', reason), shown(path)
