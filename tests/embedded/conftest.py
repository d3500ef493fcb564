"""The folder of a server, for the tests of this folder."""

import subprocess
from pathlib import Path

import pytest

from oadb.embedded import embedded_server


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder whose server was started once, to be copied: that is faster than anew."""
    folder = tmp_path_factory.mktemp("e") / "made"
    embedded_server.start(folder).stop()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a stopped server, with a path short enough for a socket."""
    folder = tmp_path_factory.mktemp("e") / "data"
    subprocess.run(["cp", "-a", made, folder], check=True)
    return folder
