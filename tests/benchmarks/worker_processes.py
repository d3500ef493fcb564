"""Variants that are processes, so that each can be another version of oadb."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from tests.benchmarks.rounds import Variant


class WorkerEndedError(Exception):
    """A process ended instead of answering; its own error is on stderr."""


def started(
    running: ExitStack, name: str, folder: str, script: Path, *arguments: str
) -> Callable[[object], float]:
    """Start *script*, which imports oadb from *folder*; it answers each line with its seconds.

    Args:
        running: ends it.

    Returns:
        What sends a line and returns the answer; it raises WorkerEndedError if there is none.
    """
    worker = running.enter_context(
        subprocess.Popen(
            [sys.executable, script, *arguments],
            env={**os.environ, "PYTHONPATH": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    asked, answered = worker.stdin, worker.stdout
    if asked is None or answered is None:
        raise RuntimeError(name)
    running.callback(_close, asked)

    def ask(line: object) -> float:
        try:
            print(line, file=asked, flush=True)
            return float(answered.readline())
        except (BrokenPipeError, ValueError):
            raise WorkerEndedError(name) from None

    return ask


def _close(asked: IO[str]) -> None:
    with suppress(BrokenPipeError):
        asked.close()


def variant(running: ExitStack, name: str, folder: str, script: Path, *arguments: str) -> Variant:
    """Start *script* as a variant: it is told how often, and says its seconds."""
    return Variant(name, started(running, name, folder, script, *arguments))
