"""Calls of a fixed number of plain arguments, compared with their types without a loop.

A declaration of such parameters is of a class whose ``__call__`` is written for their types; it
leaves every other call (named arguments, defaults, values to be looked into) to the usual one. So
is an operation that such arguments are enough for.
"""

from functools import cache
from pathlib import Path
from typing import Any

from oadb.engine.binding.arguments import Shape
from oadb.engine.binding.values import LEAST_INT, MOST_INT
from oadb.engine.executors import AsyncExecutor, Executor

_NOT_GIVEN = object()

# Who looks for the caller of oadb passes over this file; it has no lines to show.
_FILE = str(Path(__file__).with_name("<call>"))


QUERY = """\
        try:
            return db._run(self, ({given}))
        except (AttributeError, TypeError):
            if runs(db):
                raise
"""

OPERATION = """\
        if isinstance(db, sync) and not db.takes_reads_only:
            return db._operate(lambda inner: self._function(inner, {given}))
        if isinstance(db, awaited) and not db.takes_reads_only:
            return self._function(db, {given})
"""


@cache
def quick(base: type, shape: Shape, action: str) -> type:
    """Return the class of what needs arguments of a *shape*, and no others."""
    names = [f"a{place}" for place in range(len(shape))]
    given = "".join(f"{name}, " for name in names)
    checks = "".join(
        f" and {_check(name, python, optional=optional)}"
        for name, (python, optional) in zip(names, shape, strict=True)
    )
    source = (
        f"def __call__(self, db=none, {''.join(f'{name}=none, ' for name in names)}/, "
        "*rest, **named):\n"
        f"    if not rest and not named{checks}:\n"
        f"{action.format(given=given)}"
        f"    args = [each for each in (db, {given}*rest) if each is not none]\n"
        "    return base.__call__(self, *args, **named)\n"
    )
    scope: dict[str, Any] = {f"t_{python.__name__}": python for python, _ in shape}
    scope |= {"none": _NOT_GIVEN, "base": base, "runs": runs, "least": LEAST_INT, "most": MOST_INT}
    scope |= {"sync": Executor, "awaited": AsyncExecutor, "__name__": __name__}
    exec(compile(source, _FILE, "exec"), scope)  # noqa: S102  # a text of ours alone
    return type(
        base.__name__, (base,), {"__call__": scope["__call__"], "__module__": base.__module__}
    )


def runs(db: Any) -> bool:
    """Say whether *db* is an executor."""
    return hasattr(db, "_run") and not isinstance(db, type)


def _check(name: str, python: type, *, optional: bool) -> str:
    check = f"type({name}) is t_{python.__name__}"
    if python is int:
        check += f" and least <= {name} <= most"
    return f"({name} is None or {check})" if optional else f"({check})"
