"""Key rings: which are accepted and which are refused; roots are never shown."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from oadb.errors import KeyRingError
from oadb.security.keyring import Key, KeyRing
from oadb.security.secret import Secret
from tests.support.each import for_each
from tests.support.error_texts import error_texts_and_variables
from tests.support.roots import some_root

MADE = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Key(1, "primary", MADE, some_root(1))
SECOND = Key(2, "decrypt-only", MADE, some_root(2))
RETIRED = Key(3, "retired", MADE, some_root(3))
LAST = Key(2**32 - 1, "decrypt-only", MADE, some_root(5))

RINGS = {
    "one": KeyRing([FIRST]),
    "two": KeyRing([SECOND, FIRST]),
    "all states": KeyRing([RETIRED, FIRST, SECOND]),
    "greatest id": KeyRing([FIRST, LAST]),
    "a thousand": KeyRing(
        [FIRST, *(replace(SECOND, key_id=n, root=some_root(n)) for n in range(2, 1001))]
    ),
}


def text_of(root: bytes) -> str:
    return urlsafe_b64encode(root).rstrip(b"=").decode()


# What is accepted ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RINGS)
def test_a_ring_is_read_as_it_was_written(name: str) -> None:
    ring = RINGS[name]
    written = ring.to_json()

    assert KeyRing.parse(Secret(written)).keys == ring.keys
    assert KeyRing.parse(Secret(written)).to_json() == written


def test_the_document_is_as_documented() -> None:
    assert json.loads(KeyRing([FIRST]).to_json()) == {
        "keys": {
            "1": {
                "root": "K1PSE3m6d-kgA0w3NOfL6oNbuc_hnbJSaHv6DVBROc8",
                "state": "primary",
                "created": "2026-01-01T00:00:00+00:00",
            }
        }
    }


@pytest.mark.parametrize(
    "created",
    ["2026-01-01T05:30:00+05:30", "2026-01-01T00:00Z", "20260101T000000Z", "2026-01-01 00:00+00"],
)
def test_the_moment_of_a_key_may_be_in_any_zone(created: str) -> None:
    text = KeyRing([FIRST]).to_json().replace("2026-01-01T00:00:00+00:00", created)

    assert KeyRing.parse(Secret(text)).primary == FIRST


def test_the_primary_key_comes_first_and_a_retired_one_not_at_all() -> None:
    ring = KeyRing([RETIRED, SECOND, FIRST, LAST])

    assert ring.primary == FIRST
    assert ring.usable == (FIRST, SECOND, LAST)


def test_another_key_becomes_primary_and_the_former_one_still_opens() -> None:
    ring = KeyRing([FIRST, SECOND, RETIRED])
    promoted = ring.with_primary(2)

    assert promoted.primary == replace(SECOND, state="primary")
    assert promoted.usable == (
        replace(SECOND, state="primary"),
        replace(FIRST, state="decrypt-only"),
    )
    assert promoted.keys[3] == RETIRED
    assert ring.primary == FIRST
    assert ring.with_primary(1).keys == ring.keys
    assert promoted.with_primary(1).keys == ring.keys


@pytest.mark.parametrize(
    ("key_id", "problem"), [(3, "key 3 is retired"), (4, "key 4 is not in the ring")]
)
def test_a_key_that_cannot_be_used_cannot_become_primary(key_id: int, problem: str) -> None:
    with pytest.raises(KeyRingError, match=problem):
        KeyRing([FIRST, SECOND, RETIRED]).with_primary(key_id)


# What is derived -------------------------------------------------------------------------------


def test_a_derived_key_is_hkdf_of_the_root_and_the_label() -> None:
    hkdf = HKDF(SHA256(), length=32, salt=None, info=b"oadb/v1/seal/users.password_hash")

    assert FIRST.derive("seal/users.password_hash") == hkdf.derive(FIRST.root.reveal())


def test_derived_keys_differ_for_each_key_and_label_and_from_the_roots() -> None:
    labels = ["seal/a.b", "seal/a.c", "digest/oak", "digest/oas", "fingerprint", ""]
    derived = {key.derive(label) for key in (FIRST, SECOND) for label in labels}

    assert len(derived) == 2 * len(labels)
    assert derived.isdisjoint({FIRST.root.reveal(), SECOND.root.reveal()})
    assert all(bytes.fromhex(key.fingerprint) not in each for key in (FIRST,) for each in derived)


def test_fingerprints_distinguish_keys_and_never_change() -> None:
    assert FIRST.fingerprint == "25dcc17779552edb"
    assert len({key.fingerprint for key in RINGS["a thousand"].keys.values()}) == 1000
    assert replace(FIRST, key_id=9, state="retired").fingerprint == FIRST.fingerprint


def test_the_cipher_of_a_key_that_cannot_be_used_is_none() -> None:
    ring = KeyRing([FIRST, SECOND, RETIRED])

    assert ring.cipher(1, "x") is ring.cipher(1, "x") is not None
    assert ring.cipher(1, "x") is not ring.cipher(1, "y")
    assert ring.cipher(2, "x") is not None
    assert ring.cipher(3, "x") is None
    assert ring.cipher(4, "x") is None
    assert ring.cipher(0, "x") is None


# What is refused -------------------------------------------------------------------------------

ENTRY = {
    "root": text_of(FIRST.root.reveal()),
    "state": "primary",
    "created": "2026-01-01T00:00:00Z",
}
OTHER = {**ENTRY, "root": text_of(SECOND.root.reveal()), "state": "decrypt-only"}
ROOT = ENTRY["root"]
# Its standard base64 has both + and /.
SLASHED = b"\xfb\xff" * 15 + b"\x01\x02"


def ring(**keys: Any) -> str:
    return json.dumps({"keys": {name.lstrip("k"): entry for name, entry in keys.items()}})


def root(text: object) -> str:
    return ring(k1={**ENTRY, "root": text})


def named(name: str) -> str:
    return json.dumps({"keys": {name: ENTRY}})


def without(field: str) -> str:
    return ring(k1={name: value for name, value in ENTRY.items() if name != field})


ONE = json.dumps(ENTRY)

BAD: dict[str, tuple[str | bytes, str]] = {
    # Roots
    "short key": (root(text_of(bytes(range(31)))), "key 1 has 31 bytes; 32 random ones"),
    "long key": (root(text_of(bytes(range(33)))), "key 1 has 33 bytes; 32 random ones"),
    "key of 16 bytes": (root(text_of(bytes(range(16)))), "key 1 has 16 bytes"),
    "key of 37 bytes": (root(text_of(bytes(range(37)))), "key 1 has 37 bytes"),
    "empty key": (root(""), "base64url"),
    "not base64": (root("%" + ROOT[1:]), "base64url"),
    "not base64 anywhere": (root("correct horse battery staple, correct horse"), "base64url"),
    "base64 with padding": (root(ROOT + "="), "unpadded"),
    "base64 with too much padding": (root(ROOT + "=" * 5), "base64url"),
    "trailing bits": (root(ROOT[:-1] + "9"), "base64url"),
    "one character too many": (root(ROOT + "AA"), "base64url"),
    "standard alphabet": (root(b64encode(SLASHED).rstrip(b"=").decode()), "base64url"),
    "standard alphabet, padded": (root(b64encode(SLASHED).decode()), "base64url"),
    "newline in the key": (root(ROOT[:20] + "\n" + ROOT[20:]), "base64url"),
    "space before the key": (root(" " + ROOT), "base64url"),
    "NUL in the key": (root(ROOT[:20] + "\0" + ROOT[20:]), "base64url"),
    "accent in the key": (root(ROOT[:20] + "é" + ROOT[20:]), "base64url"),
    "surrogate in the key": (root(ROOT[:20] + "\ud800" + ROOT[20:]), "base64url"),
    "hexadecimal": (root(FIRST.root.reveal().hex()), "key 1 has 48 bytes"),
    "key is a number": (root(12345678901234567890), "base64url"),
    "key is a list": (root([*FIRST.root.reveal()]), "base64url"),
    "key is null": (root(None), "base64url"),
    "all zero": (root(text_of(bytes(32))), "one byte repeated"),
    "one repeated byte": (root(text_of(b"\xa5" * 32)), "one byte repeated"),
    "same key twice": (ring(k1=ENTRY, k2={**OTHER, "root": ROOT}), "keys 1 and 2 are the same"),
    "same key, retired": (
        ring(k1=ENTRY, k2={**ENTRY, "state": "retired"}),
        "keys 1 and 2 are the same",
    ),
    # Ids
    "repeated id": (f'{{"keys": {{"1": {ONE}, "1": {ONE}}}}}', "has '1' twice"),
    "leading zero": (named("01"), "'01' is not a key id"),
    "id 0": (named("0"), "'0' is not a key id"),
    "negative id": (named("-1"), "'-1' is not a key id"),
    "signed id": (named("+1"), "is not a key id"),
    "id too large": (named("4294967296"), "4294967296 is not between 1 and 4294967295"),
    "id far too large": (named("9" * 500), "a long name is not a key id"),
    "empty id": (named(""), "'' is not a key id"),
    "word for an id": (named("first"), "'first' is not a key id"),
    "key for an id": (json.dumps({"keys": {ROOT: ENTRY}}), "a long name is not a key id"),
    "fraction for an id": (named("1.0"), "is not a key id"),
    "space in the id": (named(" 1"), "is not a key id"),
    "underscore in the id": (named("1_0"), "is not a key id"),
    "newline in the id": (named("1\n"), "is not a key id"),
    "arabic id": (named("١"), "is not a key id"),  # noqa: RUF001  # the numeral is the mistake
    "superscript id": (named("²"), "is not a key id"),
    # States
    "no primary": (ring(k1={**ENTRY, "state": "decrypt-only"}), "exactly one primary.*has none"),
    "two primaries": (ring(k1=ENTRY, k2={**OTHER, "state": "primary"}), "this one has 1, 2"),
    "only retired": (ring(k1={**ENTRY, "state": "retired"}), "exactly one primary"),
    "unknown state": (ring(k1={**ENTRY, "state": "active"}), "state must be one of primary"),
    "upper state": (ring(k1={**ENTRY, "state": "Primary"}), "state must be one of primary"),
    "state is null": (ring(k1={**ENTRY, "state": None}), "state must be one of primary"),
    "state is a list": (ring(k1={**ENTRY, "state": ["primary"]}), "state must be one of primary"),
    # Fields
    "extra field": (ring(k1={**ENTRY, "comment": "x"}), "exactly root, state and created"),
    "key for a field": (ring(k1={**ENTRY, ROOT: "x"}), "exactly root, state and created"),
    "missing root": (without("root"), "exactly root, state and created"),
    "missing state": (without("state"), "exactly root, state and created"),
    "missing created": (without("created"), "exactly root, state and created"),
    "repeated field": (
        f'{{"keys": {{"1": {ONE[:-1]}, "root": "{ROOT}"}}}}}}',
        "has 'root' twice",
    ),
    "repeated long field": (f'{{"{ROOT}": 1, "{ROOT}": 2}}', "has a long name twice"),
    "entry is a text": (ring(k1=ROOT), "exactly root, state and created"),
    "entry is a list": (ring(k1=["root", "state", "created"]), "exactly root, state and created"),
    # Moments
    "created without zone": (ring(k1={**ENTRY, "created": "2026-01-01T00:00:00"}), "with its zone"),
    "created is a date": (ring(k1={**ENTRY, "created": "2026-01-01"}), "with its zone"),
    "created is a number": (ring(k1={**ENTRY, "created": 1767225600}), "with its zone"),
    "created is a word": (ring(k1={**ENTRY, "created": "yesterday"}), "with its zone"),
    "created is impossible": (ring(k1={**ENTRY, "created": "2026-02-30T00:00Z"}), "with its zone"),
    "created before all time": (
        ring(k1={**ENTRY, "created": "0001-01-01T00:00+01:00"}),
        "with its zone",
    ),
    "created after all time": (
        ring(k1={**ENTRY, "created": "9999-12-31T23:59-01:00"}),
        "with its zone",
    ),
    "created is the key": (ring(k1={**ENTRY, "created": ROOT}), "with its zone"),
    # Documents
    "empty": ("", "is not JSON"),
    "blank": (" \n", "is not JSON"),
    "not JSON": ("keys: {}", "is not JSON"),
    "bare key": (ROOT, "is not JSON"),
    "quoted key": (json.dumps(ROOT), r'must be \{"keys"'),
    "cut off": (ring(k1=ENTRY)[:-1], "is not JSON"),
    "two documents": (ring(k1=ENTRY) * 2, "is not JSON"),
    "no keys": ("{}", r'must be \{"keys"'),
    "empty keys": ('{"keys": {}}', "at least one key"),
    "keys is a list": (json.dumps({"keys": [ENTRY]}), r'must be \{"keys"'),
    "keys is null": ('{"keys": null}', r'must be \{"keys"'),
    "top-level list": (json.dumps([ENTRY]), r'must be \{"keys"'),
    "top-level key": (ONE, r'must be \{"keys"'),
    "top-level extra": (json.dumps({"keys": {"1": ENTRY}, "primary": "1"}), r'must be \{"keys"'),
    "null": ("null", "is not JSON"),
    "number": ("1", r'must be \{"keys"'),
    "enormous number": ("1" * 10_000, "is not JSON"),
    "deeply nested": ("[" * 100_000, "is not JSON"),
    "deeply nested objects": ('{"keys":' * 100_000, "is not JSON"),
    "NUL": ("\0" * 100, "is not JSON"),
    "NUL behind": (ring(k1=ENTRY) + "\0", "is not JSON"),
    "binary": (bytes(range(256)), "is not JSON"),
    "binary key": (FIRST.root.reveal(), "is not JSON"),
    "not UTF-8": (ring(k1=ENTRY).encode() + b"\xff", "is not JSON"),
    "compressed": (b"\x1f\x8b" + bytes(50), "is not JSON"),
}


def decoded(content: bytes) -> str:
    """Return the text of a file, as it is read."""
    return content.decode("utf-8-sig", "surrogateescape")


def roots_in(text: str | bytes) -> set[str]:
    """Return every part of a document that is long enough to be or to reveal a root."""
    shown = text.decode("latin-1") if isinstance(text, bytes) else text
    found = {*re.findall(r"[\w+/-]{12,}", shown)} - {"decrypt-only"}
    return {
        *found,
        *(repr(key.root.reveal()) for key in (FIRST, SECOND)),
        FIRST.root.reveal().hex(),
        ROOT,
    }


@for_each("case", BAD)
def test_a_bad_key_ring_is_refused_and_not_shown(case: str) -> None:
    text, problem = BAD[case]
    with pytest.raises(KeyRingError, match=problem) as refused:
        KeyRing.parse(Secret(text if isinstance(text, str) else decoded(text)))

    error = refused.value
    said = error_texts_and_variables(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    # The id of a key is not secret.
    shown = [part for part in roots_in(text) if part in said and not part.isdigit()]
    assert shown == []
    assert len(str(error)) < 200


def test_there_are_many_bad_key_rings() -> None:
    assert len(BAD) >= 80


CONSTRUCTED: dict[str, tuple[Callable[[], list[Key]], str]] = {
    "none": (list, "exactly one primary"),
    "repeated id": (lambda: [FIRST, replace(SECOND, key_id=1)], "the same id"),
    "repeated primary": (
        lambda: [FIRST, replace(SECOND, key_id=1, state="primary")],
        "exactly one primary",
    ),
    "same key": (lambda: [FIRST, replace(FIRST, key_id=2, state="retired")], "the same key"),
    "short": (lambda: [replace(FIRST, root=FIRST.root.reveal()[:31])], "31 bytes"),
    "id 0": (lambda: [replace(FIRST, key_id=0)], "not between 1"),
    "id too large": (lambda: [replace(FIRST, key_id=2**32)], "not between 1"),
    "short and retired": (lambda: [FIRST, replace(RETIRED, root=b"")], "key 3 has 0 bytes"),
}


@for_each("case", CONSTRUCTED)
def test_a_ring_made_of_keys_is_checked_as_closely(case: str) -> None:
    keys, problem = CONSTRUCTED[case]
    with pytest.raises(KeyRingError, match=problem) as refused:
        KeyRing(keys())

    assert repr(FIRST.root.reveal()) not in error_texts_and_variables(refused.value)


def test_a_large_document_with_a_repeated_name_is_refused_at_once() -> None:
    names = ",".join(f'"{n}":0' for n in range(60_000))
    started = process_time()
    with pytest.raises(KeyRingError, match="has '59999' twice"):
        KeyRing.parse(Secret(f'{{{names},"59999":1}}'))

    assert process_time() - started < 5


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(lambda: repr(KeyRing([FIRST, SECOND])), id="repr of a ring"),
        pytest.param(lambda: str(KeyRing([FIRST, SECOND])), id="str of a ring"),
        pytest.param(lambda: f"{FIRST} {FIRST!r} {[FIRST]}", id="key"),
        pytest.param(lambda: repr(KeyRing([FIRST]).keys), id="keys of a ring"),
    ],
)
def test_a_ring_does_not_show_its_roots(shown: Callable[[], str]) -> None:
    text = shown()

    assert "primary" in text
    assert all(part not in text for part in roots_in(""))
