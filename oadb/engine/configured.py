"""What Database and AsyncDatabase share: they are made of a configuration."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Self

from oadb.engine.config import Config
from oadb.engine.telling import Observers


class Configured(ABC):
    """How a Database is made."""

    @abstractmethod
    def __init__(self, config: Config, *, observer: Observers = None) -> None:
        """Make one; nothing connects yet."""

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, observer: Observers = None
    ) -> Self:
        """Read the configuration from the environment; see ``Config.from_env``.

        Args:
            observer: one or several; see oadb.engine.observing.

        Raises:
            ConfigError: a variable is missing or invalid.
            KeyRingError: the key ring cannot be read or is invalid.
        """
        return cls(Config.from_env(environ), observer=observer)

    @classmethod
    def from_url(cls, url: str, *, observer: Observers = None) -> Self:
        """Connect to *url* instead of DATABASE_URL; all else is read from the environment.

        Args:
            url: such as postgresql://user:password@host:5432/database.
            observer: as for ``from_env``.

        Raises:
            ConfigError: the URL or a variable is invalid.
            KeyRingError: the key ring cannot be read or is invalid.
        """
        return cls(Config.from_env({**os.environ, "DATABASE_URL": url}), observer=observer)
