"""One test over many values, which names every value that fails.

Thousands of small tests would cost more to collect, in every worker, than to run.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

Test = Callable[..., None]


def for_each(
    parameter: str, values: Iterable[Any], name: Callable[[Any], str] = str
) -> Callable[[Test], Test]:
    """Run the test for each of *values* as *parameter*, and fail with the names of those that fail.

    Fixtures are shared by all of them. Without a value the test fails.
    """
    given = [*values]

    def decorate(test: Test) -> Test:
        named = [(functools.partial(name, value), {parameter: value}) for value in given]
        return over(test, [parameter], named)

    return decorate


Named = tuple[Callable[[], str], Mapping[str, Any]]
"""What gives the name of a value, called only if it fails, and the arguments that it is."""


def over(test: Test, parameters: Iterable[str], values: Iterable[Named]) -> Test:
    """Return a test that runs *test* for each of the *values* of its *parameters*.

    It is skipped if one of them is skipped and none fails.
    """
    given, own = [*values], {*parameters}

    @functools.wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        assert given, "there is nothing to test"
        failures: list[str] = []
        first: Exception | None = None
        skipped: pytest.skip.Exception | None = None
        for name, value in given:
            try:
                test(*args, **{**fixtures, **value})
            except pytest.skip.Exception as skip:
                skipped = skip
            except (Exception, pytest.fail.Exception) as error:
                if "from pytest-timeout" in str(error):
                    raise  # nothing would limit the values that follow
                failures.append(f"{name()}: {type(error).__name__}: {error}")
                first = first or (error if isinstance(error, Exception) else None)
        if failures:
            raise AssertionError(
                f"{len(failures)} of {len(given)}:\n" + "\n".join(failures)
            ) from first
        if skipped is not None:
            raise skipped

    signature = inspect.signature(test)
    others = [each for each in signature.parameters.values() if each.name not in own]
    run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]  # pytest reads it
    return run
