"""The command ``oadb`` in this process, because a new process takes most of a second to start."""

import logging
import os
import signal
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest

from oadb.tools import cli


def oadb(
    *arguments: str, url: str = "", stdin: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with DATABASE_URL and *environ* added to the environment, not on a terminal."""
    out, errors = StringIO(), StringIO()
    pool = logging.getLogger("psycopg.pool")
    level, handler = pool.level, signal.getsignal(signal.SIGTERM)
    try:
        with (
            redirect_stdout(out),
            redirect_stderr(errors),
            patch.dict(os.environ, DATABASE_URL=url, **environ),
            patch("sys.argv", ["oadb", *arguments]),
            patch("sys.stdin", StringIO(stdin)),
            pytest.raises(SystemExit) as end,
        ):
            cli.main()
    finally:
        pool.setLevel(level)
        signal.signal(signal.SIGTERM, handler)
    code = end.value.code
    return subprocess.CompletedProcess(
        arguments, code if isinstance(code, int) else 0, out.getvalue(), errors.getvalue()
    )
