"""Schemes of DATABASE_URL besides PostgreSQL's own: servers that are started where they are used.

A package offers one, such as ``embedded:FOLDER``, by an entry point in the group
``oadb.url_schemes``. Its name is the scheme; it leads to a module with the functions of UrlScheme.
"""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, cast

from oadb.errors import ConfigError

_GROUP = "oadb.url_schemes"


class LocalServer(Protocol):
    """One user of a server; the server stops when its last user does."""

    @property
    def keywords(self) -> dict[str, str]:
        """The libpq keywords of its administration database."""
        ...

    def stop(self) -> None:
        """Stop using it. A second call does nothing. Raises UnavailableError."""


class UrlScheme(Protocol):
    """What a module offers for its scheme."""

    def resolve(self, place: str) -> str:
        """Return what follows the scheme, in full. Raises ConfigError for an invalid place."""
        ...

    def start(self, place: str) -> LocalServer:
        """Start the server of a resolved place, or join the one that runs.

        Raises ConfigError, UnavailableError.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A server that is started where it is used: a scheme and a resolved place."""

    scheme: str
    place: str

    def __str__(self) -> str:
        """Return it as DATABASE_URL has it."""
        return f"{self.scheme}:{self.place}"

    def start(self) -> LocalServer:
        """Start the server, or join it. Raises ConfigError, UnavailableError."""
        return _load(self.scheme).start(self.place)


def find(url: str) -> LocalTarget | None:
    """Return what *url* means to an offered scheme; None if it has none of them.

    Raises ConfigError for an invalid place.
    """
    scheme, _, place = url.partition(":")
    if scheme not in entry_points(group=_GROUP).names:
        return None
    return LocalTarget(scheme, _load(scheme).resolve(place))


@cache
def _load(scheme: str) -> UrlScheme:
    offered = [*entry_points(group=_GROUP, name=scheme)]
    if len(offered) != 1:
        packages = ", ".join(sorted(each.value for each in offered)) or "no package"
        raise ConfigError(f"DATABASE_URL: {scheme}: is offered by {packages}; install exactly one")
    return cast("UrlScheme", offered[0].load())
