"""Waits until the owner of a temporary folder has died, then deletes the folder.

``temporary_folders`` runs it as a program: ``python watcher.py .oadb-NAME.lock``. It imports oadb
only when there is something to delete, so that it starts quickly and takes little memory.
"""

import fcntl
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Wait for the lock of the file that the first argument names, then delete its folder."""
    mark = Path(sys.argv[1])
    with suppress(FileNotFoundError), mark.open("r+") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
    from oadb.embedded import temporary_folders  # noqa: PLC0415 - rarely needed, see above

    temporary_folders.clear(mark)


if __name__ == "__main__":
    main()
