"""Runs tests on a server of its own, of the PostgreSQL programs in a folder.

python -m tests.support.on_server /usr/lib/postgresql/15/bin tests/accounts
"""

import os
import subprocess
import sys
from pathlib import Path

from oadb.testing.control import controlled


def main(programs: Path, arguments: list[str]) -> int:
    """Run pytest with the arguments; return its exit code."""
    os.environ["OADB_TEST_BINDIR"] = str(programs)
    with controlled() as server:
        os.environ["OADB_TEST_DATABASE_URL"] = server.url
        return subprocess.call([sys.executable, "-m", "pytest", *arguments])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
