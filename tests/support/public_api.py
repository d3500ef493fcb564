"""The public names of oadb: what ``__all__`` of its modules says.

``python -m tests.support.public_api > docs/api.txt`` writes the list that a test compares.
"""

import dataclasses
import enum
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args, get_origin

import oadb
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.operations import Operation


@dataclass(frozen=True, slots=True)
class PublicName:
    """A public name: where it is imported from, and what it is."""

    module: str
    name: str
    value: Any

    @property
    def label(self) -> str:
        """The name as it is imported: ``oadb.accounts.users.create``."""
        return f"{self.module}.{self.name}"

    @property
    def is_function(self) -> bool:
        return isinstance(self.value, Declaration | Operation) or inspect.isfunction(self.value)


def modules() -> list[str]:
    """Return the modules that have public names."""
    walked = pkgutil.walk_packages(oadb.__path__, "oadb.")
    found = ["oadb", *(each.name for each in walked if each.name != "oadb.__main__")]
    return sorted(name for name in found if hasattr(import_module(name), "__all__"))


def names() -> Iterator[PublicName]:
    """Yield every public name, by module."""
    for module in modules():
        found = import_module(module)
        for name in sorted(found.__all__):
            yield PublicName(module, name, getattr(found, name))


def homes(each: PublicName) -> list[str]:
    """Return the modules of oadb beside that of a name, where its value may come from."""
    package = each.module.rpartition(".")[0] or "oadb.engine.binding"
    found = [
        package,
        *(m.name for m in pkgutil.iter_modules(import_module(package).__path__, f"{package}.")),
    ]
    return [name for name in found if getattr(import_module(name), each.name, None) is each.value]


def listing() -> str:
    """Return the list of all public names with their signatures, fields and members."""
    lines: list[str] = []
    module = ""
    for each in names():
        if each.module != module:
            module = each.module
            lines += ["", module]
        lines += [f"    {line}" for line in described(each)]
    return "\n".join(lines).lstrip("\n") + "\n"


def described(each: PublicName) -> list[str]:
    """Return the lines of a name."""
    value = each.value
    if each.is_function:
        return [f"{each.name}{shown(inspect.signature(value))}"]
    if get_origin(value) is Literal:
        return [f"{each.name} = {' | '.join(map(repr, get_args(value)))}"]
    if not inspect.isclass(value):
        return [each.name if not isinstance(value, str | int) else f"{each.name} = {value!r}"]
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    return [f"class {each.name}({bases})", *(f"    {line}" for line in members(value))]


def members(kind: type) -> Iterator[str]:
    """Yield fields and public methods of a class, those of oadb's bases included."""
    if issubclass(kind, enum.Enum):
        yield from (f"{each.name} = {each.value!r}" for each in kind)
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if not field.name.startswith("_"):
                given = "" if field.default is dataclasses.MISSING else f" = {field.default!r}"
                yield f"{field.name}: {annotation(field.type)}{given}"
    elif kind.__init__ is not object.__init__ and not issubclass(kind, enum.Enum):
        yield f"__init__{shown(inspect.signature(kind.__init__))}"  # type: ignore[misc]  # of its own class
    for name, method in sorted(inspect.getmembers(kind)):
        owner = next((each for each in kind.__mro__ if name in vars(each)), object)
        if name.startswith("_") and name not in {"__bool__", "__len__", "__iter__"}:
            continue
        if not owner.__module__.startswith("oadb"):
            continue
        if isinstance(method, property):
            yield f"{name} -> {annotation(inspect.signature(method.fget).return_annotation)}"  # type: ignore[arg-type]
        elif callable(method) and not inspect.isclass(method):
            yield f"{name}{shown(inspect.signature(method))}"


def shown(signature: inspect.Signature) -> str:
    """Return a signature without the modules of its types."""
    parts = [
        each.replace(annotation=inspect.Parameter.empty) if each.annotation is each.empty else each
        for each in signature.parameters.values()
    ]
    return annotation(str(signature.replace(parameters=parts)))


def annotation(value: object) -> str:
    """Return an annotation as it is written, without modules and without rules."""
    text = value if isinstance(value, str) else inspect.formatannotation(value)
    text = re.sub(r"Annotated\[([\w.]+), [^\]]*\]", r"\1", text)
    text = re.sub(r"<(\w+)\.(\w+): [^>]*>", r"\1.\2", text)
    return re.sub(r"\b(?:\w+\.)+(?=[A-Za-z_])", "", text)


if __name__ == "__main__":
    print(listing(), end="")
