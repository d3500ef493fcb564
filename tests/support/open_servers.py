"""Servers that take everybody who reaches their address, as those of oadb's own never do."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oadb.testing.control import ServerControl, controlled

_RULES = "local all all trust\nlocal replication all trust\nhost all all all trust\n"


@contextmanager
def open_server(settings: Mapping[str, str]) -> Generator[ServerControl]:
    """Give a server of its own with *settings*, of which ``listen_addresses`` is one."""
    with tempfile.NamedTemporaryFile("w") as rules:
        rules.write(_RULES)
        rules.flush()
        Path(rules.name).chmod(0o644)
        with controlled({**settings, "hba_file": rules.name}) as server:
            yield server
