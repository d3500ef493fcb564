"""Schemes of DATABASE_URL besides PostgreSQL's own: local servers that oadb starts.

A package provides one, such as ``embedded:FOLDER``, by an entry point in the group
``oadb.url_schemes``: its name is the scheme, its object a module with the functions of UrlScheme.
"""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, cast

from oadb.errors import ConfigError

_GROUP = "oadb.url_schemes"


class LocalServer(Protocol):
    """A use of a local server, which stops when its last use ends."""

    @property
    def keywords(self) -> dict[str, str]:
        """The libpq keywords of the server's administration database."""
        ...

    def stop(self) -> None:
        """End this use; a second call does nothing.

        Raises:
            UnavailableError: the server does not stop.
        """


class UrlScheme(Protocol):
    """The functions of a module that provides a scheme."""

    def resolve(self, place: str) -> str:
        """Return the place after the scheme in full, such as an absolute path.

        Raises:
            ConfigError: an invalid place.
        """
        ...

    def start(self, place: str) -> LocalServer:
        """Start the server of a resolved place, or use the one that runs there.

        Raises:
            ConfigError: the server cannot be started here.
            UnavailableError: the server does not start.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """The address of a local server: a scheme and a resolved place."""

    scheme: str
    place: str

    def __str__(self) -> str:
        """Return it as in DATABASE_URL."""
        return f"{self.scheme}:{self.place}"

    def start(self) -> LocalServer:
        """Start the server, or use the one that runs.

        Raises:
            ConfigError: the server cannot be started here.
            UnavailableError: the server does not start.
        """
        return _load(self.scheme).start(self.place)


def find(url: str) -> LocalTarget | None:
    """Return the local server of *url*; None if no package provides its scheme.

    Raises:
        ConfigError: an invalid place, or several packages provide the scheme.
    """
    scheme, _, place = url.partition(":")
    if scheme not in entry_points(group=_GROUP).names:
        return None
    return LocalTarget(scheme, _load(scheme).resolve(place))


@cache
def _load(scheme: str) -> UrlScheme:
    provided = [*entry_points(group=_GROUP, name=scheme)]
    if len(provided) != 1:
        packages = ", ".join(sorted(each.value for each in provided)) or "no package"
        raise ConfigError(f"DATABASE_URL: {scheme}: is provided by {packages}; install exactly one")
    return cast("UrlScheme", provided[0].load())
