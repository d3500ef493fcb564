"""A pytest plugin: the run begins with the prepared server that an earlier one has left.

To migrate a server takes seconds, which each mutant would take again. The first run leaves its
server in the folder of ``OADB_MUTATION_TEMPLATE``; a mutated migration runs without this plugin.
"""

import os
import shutil
from importlib import import_module
from pathlib import Path

import pytest

TEMPLATE = "OADB_MUTATION_TEMPLATE"


def _prepared(config: pytest.Config) -> Path:
    """Return where the tests look for the server that is prepared."""
    # Imported now, so that pytest has rewritten its assertions.
    servers = import_module("tests.support.prepared_servers")
    folder: Path = config.stash[servers._folder]
    return folder / f"{servers.__name__}.{servers.with_template.__name__}"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    kept = Path(os.environ[TEMPLATE])
    if kept.exists() and not hasattr(config, "workerinput"):
        _prepared(config).symlink_to(kept)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    kept, made = Path(os.environ[TEMPLATE]), _prepared(config)
    if made.exists() and not kept.exists() and not hasattr(config, "workerinput"):
        shutil.copytree(made, kept)
