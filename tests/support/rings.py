"""Key rings for the tests of key ring files."""

from dataclasses import replace
from datetime import UTC, datetime

from oadb.security.keyring import Key, KeyRing

FIRST = Key(1, "primary", datetime(2026, 1, 1, tzinfo=UTC), bytes(range(32)))
ROOT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
"""The root of FIRST, as it is written in a ring."""

OLD = KeyRing([FIRST])
NEW = KeyRing(
    [replace(FIRST, state="decrypt-only"), replace(FIRST, key_id=2, root=bytes(range(32, 64)))]
)
