"""Films: found, listed and counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Literal, NamedTuple

from psycopg.types.range import Range

from oadb import Affected, Limit, Page, queries

query = queries(__name__)


class Rating(Enum):
    G = "G"
    PG = "PG"
    PG_13 = "PG-13"
    R = "R"
    NC_17 = "NC-17"


# The same as words, for those who like them better.
Word = Literal["G", "PG", "PG-13", "R", "NC-17"]


@dataclass(frozen=True, slots=True)
class NewFilm:
    title: str
    summary: str
    category_id: int
    language_id: int
    original_language_id: int | None
    released: int | None
    rating: Rating
    minutes: int | None
    price: Decimal
    extras: list[str]


class Put(NamedTuple):
    film_id: int
    is_new: bool


class Hit(NamedTuple):
    """A film that was found; its rank is None if no words were looked for."""

    film_id: int
    title: str
    rank: float | None


class Offer(NamedTuple):
    price: Decimal
    film_id: int
    title: str


@dataclass(frozen=True, slots=True)
class Player:
    actor_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Cast:
    title: str
    released: int | None
    actors: list[Player]


class InLanguages(NamedTuple):
    title: str
    language: str
    original_language: str | None
    rating: Rating


class Longest(NamedTuple):
    category: str
    title: str | None
    minutes: int | None


class Ratings(NamedTuple):
    category: str
    g: int
    pg: int
    pg_13: int
    adults: int


class ExtraCount(NamedTuple):
    name: str
    films: int


class Prices(NamedTuple):
    rating: Rating
    median: float
    quartiles: list[float]
    usual_language_id: int


class Rated(NamedTuple):
    title: str
    rating: Word


class Title(NamedTuple):
    film_id: int
    title: str


@query
def load(rows: Iterable[NewFilm]) -> Affected: ...


@query
def put(
    title: str,
    summary: str,
    *,
    category_id: int,
    language_id: int,
    released: int | None,
    rating: Rating,
    price: Decimal,
    extras: list[str],
) -> Put: ...


@query
def search(
    *,
    words: str | None = None,
    ratings: list[Rating] | None = None,
    extras: list[str] | None = None,
    years: Range[int] | None = None,
    actor: str | None = None,
) -> list[Hit]: ...


@query
def list_by_price(*, cursor: str | None = None, limit: Limit = 100) -> Page[Offer]: ...


@query
def list_with_cast(film_ids: list[int]) -> list[Cast]: ...


@query
def list_in_languages() -> list[InLanguages]: ...


@query
def list_longest(*, each: int) -> list[Longest]: ...


@query
def count_ratings() -> list[Ratings]: ...


@query
def count_by_extra() -> list[ExtraCount]: ...


@query
def price_by_rating() -> list[Prices]: ...


@query
def list_never_rented() -> list[Title]: ...


@query
def list_rated(up_to: Word) -> list[Rated]: ...


query.complete()
