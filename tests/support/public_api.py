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
from datetime import timedelta
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
        is_constant = isinstance(value, str | int | float | timedelta)
        return [f"{each.name} = {annotation(repr(value))}" if is_constant else each.name]
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    return [f"class {each.name}({bases})", *(f"    {line}" for line in members(value))]


def members(kind: type) -> Iterator[str]:
    """Yield fields and public methods of a class, those of oadb's bases included."""
    if issubclass(kind, enum.Enum):
        yield from (f"{each.name} = {each.value!r}" for each in kind)
    elif dataclasses.is_dataclass(kind):
        yield from map(field, (f for f in dataclasses.fields(kind) if f.name[0] != "_"))
    elif inspect.isfunction(kind.__init__) and kind.__init__.__module__.startswith("oadb"):
        initialize: Any = vars(kind).get("__init__", kind.__init__)
        yield f"__init__{shown(inspect.signature(initialize))}"
        for base in kind.__mro__:
            found = inspect.get_annotations(base) if base.__module__.startswith("oadb") else {}
            yield from (f"{name}: {annotation(each)}" for name, each in found.items())
    for name, method in sorted(inspect.getmembers(kind)):
        owner = next((each for each in kind.__mro__ if name in vars(each)), object)
        if owner.__module__.startswith("oadb") and (name[0] != "_" or name in SPECIAL):
            yield from member(name, method)


# Methods with special names that a caller uses.
SPECIAL = {
    "__aenter__", "__aiter__", "__bool__", "__enter__", "__getitem__", "__iter__", "__len__",
}  # fmt: skip  # a list


def field(each: dataclasses.Field[Any]) -> str:
    given = "" if each.default is dataclasses.MISSING else f" = {each.default!r}"
    return f"{each.name}: {annotation(each.type)}{given}"


def member(name: str, method: Any) -> Iterator[str]:
    if isinstance(method, property):
        returned = inspect.get_annotations(method.fget or member)["return"]
        yield f"{name} -> {annotation(returned)}"
    elif callable(method) and not inspect.isclass(method):
        prefix = "async " if inspect.iscoroutinefunction(method) else ""
        yield f"{prefix}{name}{shown(inspect.signature(method))}"


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
    text = re.sub(r"(?<![\w.'])(?:\w+\.)+(?=[A-Za-z_])", "", text).replace("~", "")
    text = re.sub(r"'(\w*(?:Executor|Transaction|Choice))'", r"\1", text)
    return unions(text)


def unions(text: str) -> str:
    """Write Optional and Union as ``|``."""
    for found in re.finditer(r"\b(Optional|Union)\[", text):
        end = closing(text, found.end())
        inner = unions(text[found.end() : end])
        parts = split(inner) if found[1] == "Union" else [inner, "None"]
        joined = " | ".join("None" if part == "NoneType" else part for part in parts)
        return text[: found.start()] + joined + unions(text[end + 1 :])
    return text


def closing(text: str, start: int) -> int:
    """Return the place of the bracket that closes the one before *start*."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[place], 0)
        if not depth:
            return place
    raise ValueError(text)


def split(text: str) -> list[str]:
    """Split at the commas that are in no bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


if __name__ == "__main__":
    print(listing(), end="")
