"""Output of commands for programs: one JSON document, in one line."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the same as one line of JSON.")]
"""Whether a program reads the output."""


def print_json(document: Mapping[str, object]) -> None:
    """Print one line of ASCII: times are in ISO 8601, spans in seconds.

    Raises:
        TypeError: there is a value without a form in JSON in it, such as a Secret or bytes.
    """
    typer.echo(json.dumps(document, default=_plain))


def _plain(value: object) -> object:
    """Return what json can write instead of *value*."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
