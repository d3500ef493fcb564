"""Web servers in processes of their own, which listen on a socket in a folder."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.support.rig import eventually


class Serving:
    """A server that runs, and what it has written."""

    def __init__(self, process: subprocess.Popen[bytes], listening: Path, log: Path) -> None:
        self.process, self.listening, self._log = process, listening, log

    def listens(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.listening))
        except OSError:
            return False
        return True

    def stop(self) -> float:
        """End it as an operator does; return how many seconds that took."""
        began = monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return monotonic() - began

    def said(self) -> str:
        return self._log.read_text()


@contextmanager
def serving(
    command: Sequence[str], folder: Path, environ: dict[str, str], current: Path | None = None
) -> Generator[Serving]:
    """Run a server in the folder *current*; at the end it is gone, with its workers.

    Args:
        command: what stands behind ``python -m``; SOCKET is replaced by where to listen.
        folder: where it listens and writes.
    """
    listening, log = folder / "socket", folder / "log"
    words = [word.replace("SOCKET", str(listening)) for word in command]
    # gunicorn writes into the home.
    environ = {**os.environ, **environ, "HOME": str(folder)}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=current,
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        server = Serving(process, listening, log)
        try:
            eventually(server.listens, 30)
            yield server
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
