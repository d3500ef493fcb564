"""Key rings for the tests of key ring files."""

from dataclasses import replace
from datetime import UTC, datetime

from oadb.security.keyring import Key, KeyRing
from tests.support.roots import some_root

FIRST = Key(1, "primary", datetime(2026, 1, 1, tzinfo=UTC), some_root(1))
ROOT = "K1PSE3m6d-kgA0w3NOfL6oNbuc_hnbJSaHv6DVBROc8"
"""The root of FIRST, as it is written in a ring."""

OLD = KeyRing([FIRST])
NEW = KeyRing([replace(FIRST, state="decrypt-only"), replace(FIRST, key_id=2, root=some_root(2))])
