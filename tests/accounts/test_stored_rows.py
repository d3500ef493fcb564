"""Rows as they are stored: what is sealed in them is not shown."""

import dataclasses
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import oadb


def fields_of_bytes(room: str) -> Iterator[tuple[str, bool]]:
    """Yield the fields of classes of a room that hold bytes, and whether repr shows them."""
    modules = pkgutil.walk_packages(
        import_module(f"oadb.{room}").__path__, f"{oadb.__name__}.{room}."
    )
    for module in modules:
        for name, each in inspect.getmembers(import_module(module.name), dataclasses.is_dataclass):
            if each.__module__ == module.name:
                for field in dataclasses.fields(each):
                    if "bytes" in str(field.type):
                        yield f"{name}.{field.name}", field.repr


@pytest.mark.parametrize("room", ["accounts", "settings", "trading"])
def test_no_row_shows_its_sealed_bytes(room: str) -> None:
    fields = [*fields_of_bytes(room)]

    assert fields
    assert [name for name, is_shown in fields if is_shown] == []
