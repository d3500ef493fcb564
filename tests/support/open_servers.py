"""Servers with rules of their own about who is let in: oadb's own take their user alone."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oadb.testing.control import ServerControl, controlled

_EVERYBODY = "local all all trust\nlocal replication all trust\nhost all all all trust\n"


@contextmanager
def open_server(settings: Mapping[str, str], rules: str = _EVERYBODY) -> Generator[ServerControl]:
    """Give a server of its own with *settings*; *rules* are those of pg_hba.conf."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(rules)
        file.flush()
        Path(file.name).chmod(0o644)
        with controlled({**settings, "hba_file": file.name}) as server:
            yield server
