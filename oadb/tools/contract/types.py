"""The types of parameters and columns, and of what is within them, compared with declarations."""

from collections.abc import Collection, Iterable, Iterator

from oadb.engine.binding.forms import Form
from oadb.engine.binding.values import ValueType
from oadb.engine.executors import Runner
from oadb.tools import catalog

# The typtype of each shape that is not a plain type.
_KINDS = {"composite": "c", "range": "r", "multirange": "m"}

Types = dict[int, catalog.Type]


def type_map(db: Runner, oids: tuple[int, ...]) -> Types:
    """Return what the types are, by their oids; those behind domains."""
    return {found.type_id: found for found in catalog.list_types(db, sorted(set(oids)))}


def misfits(db: Runner, found: catalog.Type, expected: ValueType) -> Iterator[str]:
    """Yield where a type is another one than is declared; each goes on after "but is"."""
    if expected.form is not None:
        yield from _compare(db, found, expected.form)
    elif found.kind == "e" and expected.choices and not expected.array:
        yield from _compare_labels(db, found, expected.choices)
    elif found.name not in expected.postgres:
        yield found.name


def _type(db: Runner, oid: int) -> catalog.Type:
    return type_map(db, (oid,))[oid]


def _compare(db: Runner, found: catalog.Type, form: Form) -> Iterator[str]:
    if form.shape == "array":
        if not found.is_array:
            yield found.name
            return
        for fault in _compare(db, _type(db, found.item_id), _innermost(form)):
            yield f"an array, whose items are {fault}"
    elif form.shape == "enum" and found.kind == "e":
        yield from _compare_labels(db, found, form.labels)
    elif form.shape == "composite":
        yield from _compare_attributes(db, found, form)
    elif form.shape in {"range", "multirange"}:
        if found.kind != _KINDS[form.shape]:
            yield found.name
            return
        for fault in _compare(db, _type(db, found.item_id), form.parts[0][1]):
            yield f"{found.name}, whose bounds are {fault}"
    elif found.name not in form.postgres:
        yield found.name


def _innermost(form: Form) -> Form:
    item = form.parts[0][1]
    return _innermost(item) if item.shape == "array" else item


def _compare_labels(db: Runner, found: catalog.Type, members: Collection[object]) -> Iterator[str]:
    labels = catalog.list_labels(db, found.base_id)
    missing = [label for label in labels if label not in members]
    unknown = [member for member in members if member not in labels]
    if missing:
        yield f"{found.name}, whose {_listed(missing)} is no member"
    if unknown:
        yield f"{found.name}, which has no label {_listed(unknown)}"


def _compare_attributes(db: Runner, found: catalog.Type, form: Form) -> Iterator[str]:
    if found.kind != "c":
        yield found.name
        return
    attributes = catalog.list_attributes(db, found.table_id)
    names = [attribute.name for attribute in attributes]
    if names != [name for name, _ in form.parts]:
        yield f"{found.name}, whose attributes are {', '.join(names)}"
        return
    types = type_map(db, tuple(attribute.type_id for attribute in attributes))
    for attribute, (name, part) in zip(attributes, form.parts, strict=True):
        for fault in _compare(db, types[attribute.type_id], part):
            yield f"{found.name}, whose {name} is declared as {part.shown}, but is {fault}"


def _listed(labels: Iterable[object]) -> str:
    return ", ".join(map(repr, labels))
