"""Where a command writes: terminals of any encoding, closed pipes, full disks."""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper

CLOSED_PIPE = 128 + signal.SIGPIPE
"""The exit code where nobody reads the output any longer, as shells have it."""


@contextmanager
def writing() -> Generator[None]:
    """Have what a command prints written at the end of the block at the latest.

    Characters that the encoding of the terminal lacks are written as escapes.

    Raises:
        SystemExit: the other end of a pipe is closed; with 141, whatever the command found.
        OSError: it cannot be written, or the command met it elsewhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:  # it is where a shell has closed it: >&-
                sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        sys.exit(CLOSED_PIPE)
    except SystemExit as end:
        # How typer ends where a pipe is closed, with the code of an error.
        if isinstance(end.__context__, BrokenPipeError):
            _discard_output()
            sys.exit(CLOSED_PIPE)
        raise
    except OSError:
        _discard_output()
        raise


def _discard_output() -> None:
    """Have what is left in the buffer go nowhere when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
