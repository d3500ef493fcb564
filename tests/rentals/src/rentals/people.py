"""Actors and customers."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from oadb import Affected, queries

query = queries(__name__)


class NewActor(NamedTuple):
    name: str


class Role(NamedTuple):
    film_id: int
    actor_id: int


class Connection(NamedTuple):
    """An actor who is reached over so many films; the way has the names from the first on."""

    actor_id: int
    steps: int
    way: list[str]


class Customer(NamedTuple):
    customer_id: int
    name: str
    email: str


class Joined(NamedTuple):
    month: date
    joined: int
    total: int


@query
def load_actors(rows: Iterable[NewActor]) -> Affected: ...


@query
def load_roles(rows: Iterable[Role]) -> Affected: ...


@query
def list_connected(actor_id: int, *, steps: int = 3) -> list[Connection]: ...


@query
def create(store_id: int, email: str, name: str, joined_on: date) -> int: ...


@query
def merge(emails: list[str], names: list[str], *, store_id: int, joined_on: date) -> Affected: ...


@query
def list_all() -> list[Customer]: ...


@query
def list_joined(year: int) -> list[Joined]: ...


query.complete()
