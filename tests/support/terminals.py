"""The command ``oadb`` on a terminal of its own, which answers its questions."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterable


def on_terminal(
    *arguments: str, answers: Iterable[tuple[str, str]], **environ: str
) -> tuple[int, str]:
    """Run a command; type each answer once the text before it was shown.

    Returns:
        The exit code, and everything that was on the screen.
    """
    screen, keyboard = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "oadb", *arguments],
            env={**os.environ, **environ},
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
            start_new_session=True,
        ) as process:
            os.close(keyboard)
            shown = ""
            for question, answer in answers:
                while question not in shown.rpartition("\n")[2]:
                    shown += os.read(screen, 4096).decode()
                os.write(screen, f"{answer}\n".encode())
                shown += "\n"
            shown += _rest(screen)
    finally:
        os.close(screen)
    return process.returncode, shown


def _rest(screen: int) -> str:
    """Read until the process has closed its side of the terminal."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(screen, 4096)
        except OSError:  # on Linux the end of a terminal is an error
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
