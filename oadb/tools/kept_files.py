"""What commands keep in the user's cache folder; all of it may be deleted at any time.

$XDG_CACHE_HOME/oadb/KIND/NAME    in ~/.cache, if the variable is not set
"""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from oadb.embedded.system_user import require_private
from oadb.errors import ConfigError

MOST = 3
"""How many of one kind are kept, the latest."""


def folder(kind: str) -> Path | None:
    """Return where things of one kind are kept; None if no such folder is ours."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        found = Path(cache).expanduser() / "oadb" / kind
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(found)
    except (OSError, RuntimeError, ConfigError):
        return None
    return found


def write(place: Path, content: object) -> None:
    """Keep a file of JSON, whole or not at all, and delete all but the latest of its folder."""
    with suppress(OSError):  # a full disk
        made, name = tempfile.mkstemp(dir=place.parent, prefix=".")
        try:
            with os.fdopen(made, "w") as file:
                file.write(json.dumps(content))  # dump would write each value alone
            Path(name).rename(place)
        finally:
            Path(name).unlink(missing_ok=True)
        found = [each for each in place.parent.iterdir() if not each.name.startswith(".")]
        for each in sorted(found, key=lambda each: each.stat().st_mtime)[:-MOST]:
            each.unlink(missing_ok=True)
