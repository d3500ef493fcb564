"""In a run of whole files, the values of a parametrized test are run by one test.

pytest takes 3 ms of CPU for each test, to collect it in three workers, to set it up and to report
it: longer than most of them run. So a parametrized function becomes one test, which fails with the
names of the values that fail, if its fixtures outlive a test, or are of those that are made anew
for each value here. With the name of a test, or -k, on the command line each value is a test of its
own.
"""

import functools
import inspect
import itertools
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from _pytest._io.saferepr import saferepr

from tests.support.each import Named, over
from tests.support.undone import undone

ANEW = {"monkeypatch": None, "tmp_path": "tmp_path", "tx": "shared_db"}
"""What is made anew for each value, and the fixture that it is made of."""

_MARKS = {"parametrize"}

# What takes long needs the time of a test for each value.
_ALONE = ("fault", "long", "slow", "timeout")

_named = pytest.StashKey[set[Path]]()


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> object:
    marks: list[pytest.Mark] | None = getattr(obj, "pytestmark", None)
    if not marks or not inspect.isfunction(obj) or not isinstance(collector, pytest.Module):
        return None
    values = values_of(obj, marks) if _is_whole(collector) else None
    if values is None:
        return None
    module, parameters = collector.obj, {parameter for _, value in values for parameter in value}
    run = over(with_fixtures_anew(obj, parameters, {*vars(module)}), parameters, values)
    run.pytestmark = [mark for mark in marks if mark.name != "parametrize"]  # type: ignore[attr-defined]  # pytest reads it
    setattr(module, name, run)  # pytest reads it from there
    items = collector.ihook.pytest_pycollect_makeitem(collector=collector, name=name, obj=run)
    if all(_outlived(item, parameters) for item in items):
        return items
    setattr(module, name, obj)
    return None


def _is_whole(module: pytest.Module) -> bool:
    """Tell whether the command line names no test of the module, by its name or with -k."""
    config = module.config
    if _named not in config.stash:
        folder = config.invocation_params.dir
        files = [argument.partition("::")[0] for argument in config.args if "::" in argument]
        config.stash[_named] = {(folder / file).resolve() for file in files}
    return not config.option.keyword and module.path not in config.stash[_named]


def _outlived(item: pytest.Function, parameters: set[str]) -> bool:
    """Tell whether no fixture is made anew for each test, or depends on a parameter."""
    if any(item.get_closest_marker(mark) for mark in _ALONE):
        return False
    given = item._fixtureinfo
    definitions = {name: each[-1] for name, each in given.name2fixturedefs.items() if each}
    return "request" not in given.argnames and not any(
        (each.scope == "function" and name not in ANEW) or parameters.intersection(each.argnames)
        for name, each in definitions.items()
    )


def with_fixtures_anew(
    test: Callable[..., None], parameters: set[str], of_module: set[str]
) -> Callable[..., None]:
    """Return the test with fixtures of ANEW made at each call, except those of its module."""
    signature = inspect.signature(test)
    anew = {*signature.parameters} & ANEW.keys() - parameters - of_module
    if not anew:
        return test

    @functools.wraps(test)
    def run(**given: Any) -> None:
        with ExitStack() as made:
            if "monkeypatch" in anew:
                given["monkeypatch"] = made.enter_context(pytest.MonkeyPatch.context())
            if "tmp_path" in anew:
                given["tmp_path"] = Path(tempfile.mkdtemp(dir=given["tmp_path"]))
            if "tx" in anew:
                given["tx"] = made.enter_context(undone(given["shared_db"]))
            test(**{name: given[name] for name in signature.parameters})

    kept = [each for name, each in signature.parameters.items() if name not in anew]
    made_of = {source for name in anew if (source := ANEW[name])} - {each.name for each in kept}
    own = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in sorted(made_of)]
    run.__signature__ = inspect.Signature([*kept, *own])  # type: ignore[attr-defined]  # pytest reads it
    return run


def values_of(test: object, marks: list[pytest.Mark]) -> list[Named] | None:
    """Return all values of a test; None if it has none, or such as pytest alone understands."""
    given = [mark for mark in marks if mark.name == "parametrize"]
    if not given or {mark.name for mark in marks} - _MARKS:
        return None
    if inspect.iscoroutinefunction(test) or hasattr(test, "hypothesis"):
        return None
    parts = [_part(*mark.args, **mark.kwargs) for mark in given]
    if any(not part for part in parts):
        return None
    products = [*itertools.product(*(part for part in parts if part))]
    return [
        (functools.partial(_joined, each), {k: v for _, value in each for k, v in value.items()})
        for each in products
    ]


def _joined(parts: tuple[Named, ...]) -> str:
    return ", ".join(name() for name, _ in parts)


def _part(
    names: str | list[str] | tuple[str, ...], values: Any, *, ids: Any = None, **others: Any
) -> list[Named] | None:
    """Return the values of one mark; None if it has marks for some, or anything besides."""
    if others or iter(values) is values:  # a generator would leave nothing for pytest
        return None
    alone = isinstance(names, str) and "," not in names  # as pytest has it, of a list each is a row
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",") if name.strip()]
    rows: list[Named] = []
    for place, value in enumerate(values):
        row: Any = (value,) if alone else value
        own: object = None
        if isinstance(value, _SET):
            if value.marks:
                return None
            row, own = value.values, value.id
        given = dict(zip(names, row, strict=True))
        rows.append((functools.partial(_called, row, own or ids, place), given))
    return rows


_SET = type(pytest.param())


def _called(row: Any, ids: Any, place: int) -> str:
    if isinstance(ids, str):
        return ids
    if callable(ids):
        return "-".join(str(ids(value)) for value in row)
    return str(ids[place]) if isinstance(ids, (list, tuple)) else saferepr(row)
