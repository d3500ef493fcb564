"""The addresses of the pages of a book: names of files that every system can hold."""

import hashlib
import re

_ODD = re.compile(r"[^a-z0-9_.]")
_LONGEST = 120


def page(kind: str, package: str, name: str) -> str:
    """Return the path of a page: ``statements/oadb.accounts.users.get.html``.

    Two names never share a page, also where the file system ignores case.
    """
    plain = f"{package}.{name}".replace("/", ".")
    shown = _ODD.sub(lambda found: f"~{ord(found[0]):x}~", plain)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}~{hashlib.sha256(plain.encode()).hexdigest()[:16]}"
    return f"{kind}s/{shown}.html"
