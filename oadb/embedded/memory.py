"""Memory as a folder, for data that is gone at the end: copying a database there takes a tenth."""

import os
import shutil
from pathlib import Path

_FOLDER = Path("/dev/shm")  # noqa: S108  # made for this; the folders in it are private

# Containers often have 64 MB there, which a server would fill and stop.
_ROOM = 4 * 2**30


def memory() -> Path | None:
    """Return a folder that is in memory and has room for temporary servers; None: there is none."""
    if not os.access(_FOLDER, os.W_OK | os.X_OK):
        return None
    return _FOLDER if shutil.disk_usage(_FOLDER).free >= _ROOM else None
