"""Variants that are processes, so that each can be another version of oadb."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.rounds import Variant


def variant(running: ExitStack, name: str, folder: str, script: Path, *arguments: str) -> Variant:
    """Start *script*, which imports oadb from *folder*; it is told how often, and says its seconds.

    Args:
        running: ends it.
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
    running.callback(asked.close)

    def run(calls: int) -> float:
        print(calls, file=asked, flush=True)
        return float(answered.readline())

    return Variant(name, run)
