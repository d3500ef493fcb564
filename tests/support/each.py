"""One test over many values, which names every value that fails.

Thousands of small tests would cost more to collect, in every worker, than to run.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
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
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            assert given, "there is nothing to test"
            failures = [
                f"{name(value)}: {error}"
                for value in given
                if (error := _failure(test, args, {**fixtures, parameter: value})) is not None
            ]
            assert not failures, f"{len(failures)} of {len(given)}:\n" + "\n".join(failures)

        signature = inspect.signature(test)
        others = [each for each in signature.parameters.values() if each.name != parameter]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]  # pytest reads it
        return run

    return decorate


def _failure(test: Test, args: tuple[Any, ...], given: dict[str, Any]) -> str | None:
    try:
        test(*args, **given)
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # any failure is named
        return f"{type(error).__name__}: {error}"
    return None
