"""What films are sorted by: languages, categories, stores."""

from oadb import queries

query = queries(__name__)


@query
def create_language(name: str) -> int: ...


@query
def create_category(name: str) -> int: ...


@query
def create_store(city: str) -> int: ...


query.complete()
