"""Sealed values: what they look like, and that none can be moved, cut or altered."""

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from oadb.errors import SealError
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import OVERHEAD, Row, SealedColumn
from tests.security.said import everything_said

MADE = datetime(2026, 1, 1, tzinfo=UTC)
# Ids one bit apart: a flipped bit of the header then names another key that is in the ring.
FIRST = Key(1, "primary", MADE, bytes(range(32)))
SECOND = Key(3, "decrypt-only", MADE, bytes(range(32, 64)))
RETIRED = Key(5, "retired", MADE, bytes(range(64, 96)))
RING = KeyRing([FIRST, SECOND, RETIRED])
PROMOTED = RING.with_primary(3)

ACCESS = SealedColumn("broker_tokens", "access_token")
REFRESH = SealedColumn("broker_tokens", "refresh_token")
ROW: Row = (7, "zerodha")
VALUE = b"enctoken hunter2"

ALTERED = "it was altered or moved, or the ring has another key 1"


@dataclass(frozen=True)
class Refused:
    """Where a value was not opened, and the reason that must be in the log."""

    caplog: pytest.LogCaptureFixture

    def __call__(
        self, reason: str, sealed: bytes, row: Row = ROW, ring: KeyRing = RING,
        column: SealedColumn = ACCESS,
    ) -> None:  # fmt: skip
        self.caplog.clear()
        with pytest.raises(SealError) as refused:
            column.open(ring, row, sealed)
        place, where = f"{column.table}.{column.column}", ", ".join(map(str, row))
        assert str(refused.value) == f"{place}: a sealed value cannot be opened"
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None
        assert [(r.name, r.levelname, r.getMessage()) for r in self.caplog.records] == [
            ("oadb.security", "ERROR", f"{place} of {where} cannot be opened: {reason}")
        ]
        assert self.caplog.records[0].exc_info is None
        said = everything_said(refused.value) + self.caplog.text
        for part in (VALUE, sealed, sealed[17:], FIRST.root):
            if len(part) >= 8:  # fewer are found in anything
                assert repr(part)[2:-1] not in said
                assert part.hex() not in said


@pytest.fixture
def refused(caplog: pytest.LogCaptureFixture) -> Refused:
    return Refused(caplog)


# Form ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [b"", b"\0", VALUE, bytes(range(256)), bytes(1_000_000)],
    ids=["empty", "NUL", "text", "every byte", "large"],
)  # fmt: skip
def test_what_was_sealed_is_opened(value: bytes) -> None:
    sealed = ACCESS.seal(RING, ROW, value)

    assert ACCESS.open(RING, ROW, sealed) == value
    assert len(sealed) == len(value) + 33 == len(value) + OVERHEAD


@pytest.mark.parametrize(
    "row",
    [(1,), (-1,), (2**63 - 1,), ("",), ("é\0\ud800",), (UUID(int=5),), (7, "zerodha"), (),
     (1,) * 50],
    ids=["1", "negative", "bigint", "empty", "odd text", "uuid", "two", "none", "fifty"],
)  # fmt: skip
def test_every_kind_of_row_can_hold_a_sealed_value(row: Row) -> None:
    assert ACCESS.open(RING, row, ACCESS.seal(RING, row, VALUE)) == VALUE


@pytest.mark.parametrize("key_id", [1, 3, 255, 256, 65_536, 2**32 - 1])
def test_the_header_is_as_documented(key_id: int) -> None:
    ring = KeyRing([Key(key_id, "primary", MADE, FIRST.root)])
    sealed = ACCESS.seal(ring, ROW, VALUE)

    assert sealed[0] == 1
    assert sealed[1:5] == key_id.to_bytes(4, "big")
    assert VALUE not in sealed
    assert len(sealed) == 1 + 4 + 12 + len(VALUE) + 16


def test_the_same_value_is_never_sealed_alike() -> None:
    sealed = [ACCESS.seal(RING, ROW, VALUE) for _ in range(1000)]

    assert len({each[5:17] for each in sealed}) == 1000
    assert len({each[17:] for each in sealed}) == 1000


# Vectors ---------------------------------------------------------------------------------------


def test_the_cipher_is_aes_256_gcm_of_nist() -> None:
    """Test case 16 of "The Galois/Counter Mode of Operation", as submitted to NIST."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    text = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    context = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    expected = bytes.fromhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )

    assert AESGCM(key).encrypt(nonce, text, context) == expected
    assert AESGCM(key).decrypt(nonce, expected, context) == text


def test_keys_are_derived_by_the_hkdf_of_rfc_5869() -> None:
    """Test cases A.1 and A.3; the latter has no salt, as we derive."""
    secret = b"\x0b" * 22
    first = HKDF(SHA256(), 42, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    third = HKDF(SHA256(), 42, None, b"")

    assert first.derive(secret).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert third.derive(secret).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


# Sealed once by the first release. A change that does not open them loses what users stored.
PINNED = {
    "text": (
        ACCESS, ROW, VALUE,
        (
            "0100000001f9cfde5c1b150c9805ae3a81c4d49f46c87d9872255575722449bd4b9787ab3a34b95e"
            "0595b2325fc0e4cb0e"
        ),
    ),
    "empty": (
        SealedColumn("users", "password_hash"), (2**63 - 1,), b"",
        "01000000014a134a2a16c2e32c29abf121b86a2c7c9aeb46fa7d8b8d9873bf2bfd",
    ),
    "uuid": (
        SealedColumn("sessions", "fingerprint"),
        (42, UUID("0190c5b4-0000-7000-8000-000000000001")), bytes(range(32)),
        (
            "01000000013703eeede24ea03cb2d8a1482597e00d5d1fcab900b060adcaa6ad94f3ea2337862ab3"
            "28eb52f25e38a63a6c31a0bfdbdeabd4a3cb3e4126c2207d20"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PINNED)
def test_the_format_never_changes(name: str) -> None:
    column, row, value, sealed = PINNED[name]

    assert column.open(RING, row, bytes.fromhex(sealed)) == value


def test_the_format_can_be_opened_without_us() -> None:
    """With the documentation alone: HKDF, AES-GCM, and lengths of 4 bytes before each part."""
    sealed = bytes.fromhex(PINNED["text"][3])
    parts = [b"oadb", b"broker_tokens", b"access_token", sealed[:5], b"7", b"zerodha"]
    context = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    label = b"oadb/v1/seal/broker_tokens.access_token"
    key = HKDF(SHA256(), 32, None, label).derive(FIRST.root)

    assert AESGCM(key).decrypt(sealed[5:17], sealed[17:], context) == VALUE


# Alterations -----------------------------------------------------------------------------------

SEALED = ACCESS.seal(RING, ROW, VALUE)


def reason_for(altered: bytes) -> str:
    """Return the reason that belongs into the log for a value of any bytes."""
    if len(altered) < 33 or altered[0] != 1:
        return "it is not a sealed value"
    key_id = int.from_bytes(altered[1:5], "big")
    if key_id in {1, 3}:
        return f"it was altered or moved, or the ring has another key {key_id}"
    return f"key {key_id} is not in the ring, or retired"


def test_no_shortened_value_is_opened(refused: Refused) -> None:
    for length in range(len(SEALED)):
        refused(reason_for(SEALED[:length]), SEALED[:length])
        refused(
            reason_for(SEALED[-length:] if length else b""), SEALED[-length:] if length else b""
        )


def test_no_lengthened_value_is_opened(refused: Refused) -> None:
    for added in (b"\0", b"\x01", SEALED[-16:], SEALED):
        refused(ALTERED, SEALED + added)
        refused(reason_for(added + SEALED), added + SEALED)


def test_no_value_with_a_flipped_bit_is_opened(refused: Refused) -> None:
    reasons = set()
    for place, bit in product(range(len(SEALED)), range(8)):
        altered = bytearray(SEALED)
        altered[place] ^= 1 << bit
        refused(reason_for(altered), bytes(altered))
        reasons.add(reason_for(altered))

    assert len(reasons) == 1 + 2 + 31  # the version; two keys of the ring; other key ids


def test_an_empty_value_is_protected_as_well(refused: Refused) -> None:
    sealed = ACCESS.seal(RING, ROW, b"")
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 0xFF]) + sealed[place + 1 :]
        refused(reason_for(altered), altered)


@pytest.mark.parametrize(
    "plain",
    [b"", b"enctoken", b"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", bytes(33),
     b"\x02" + SEALED[1:], b"\x00" + SEALED[1:], b"\x01" * 32],
    ids=["empty", "short", "PHC", "zeros", "version 2", "version 0", "a byte too short"],
)  # fmt: skip
def test_what_is_not_sealed_is_never_returned_as_it_is(refused: Refused, plain: bytes) -> None:
    refused("it is not a sealed value", plain)


# Moves -----------------------------------------------------------------------------------------

COLUMNS = [
    ACCESS,
    REFRESH,
    SealedColumn("second_factors", "access_token"),
    # The same when their names are put together.
    SealedColumn("broker_tokens.access", "token"),
    SealedColumn("broker_token", "s.access_token"),
    SealedColumn("broker_tokensaccess", "_token"),
]
ROWS: list[Row] = [
    (7, "zerodha"),
    (7, "Zerodha"),
    (8, "zerodha"),
    ("zerodha", 7),
    (7,),
    (7, "zerodha", ""),
    ("", 7, "zerodha"),
    ("7zerodha",),
    ("a", "bc"),
    ("ab", "c"),
    ("abc", ""),
    ("", "abc"),
    ("abc",),
    (1, 23),
    (12, 3),
    (123,),
    (),
    ("",),
    ("", ""),
    (UUID(int=1),),
    (UUID(int=1).int,),
    (UUID(int=1).hex,),
    # A part that looks like the lengths and parts of others.
    ("a\0\0\0\x02bc",),
]


def test_a_value_is_opened_in_its_own_place_alone(refused: Refused) -> None:
    places = [*product(COLUMNS, ROWS)]
    sealed = {place: place[0].seal(RING, place[1], VALUE) for place in places}
    for column, row in places:
        assert column.open(RING, row, sealed[column, row]) == VALUE
    moves = 0
    for column, row in places[:: len(ROWS) // 3]:
        for home in places:
            if home != (column, row):
                refused(ALTERED, sealed[home], row, column=column)
                moves += 1

    assert moves > 2000


def test_a_value_under_one_key_cannot_pass_for_one_of_another(refused: Refused) -> None:
    new = ACCESS.seal(PROMOTED, ROW, VALUE)

    assert ACCESS.open(RING, ROW, new) == VALUE
    assert new[1:5] == (3).to_bytes(4)
    refused(ALTERED.replace("1", "3"), SEALED[:1] + new[1:5] + SEALED[5:])
    refused(ALTERED, new[:1] + SEALED[1:5] + new[5:])


def test_the_header_is_authenticated_even_where_the_key_is_the_same(refused: Refused) -> None:
    """The same root under another id: only the header in the context tells them apart."""
    renamed = KeyRing([Key(2, "primary", MADE, FIRST.root)])
    altered = SEALED[:1] + (2).to_bytes(4, "big") + SEALED[5:]

    refused(ALTERED.replace("1", "2"), altered, ring=renamed)


def test_parts_of_two_values_do_not_make_a_third(refused: Refused) -> None:
    other = ACCESS.seal(RING, ROW, b"enctoken hunter3")
    for cut in range(1, len(SEALED)):
        for mixed in (SEALED[:cut] + other[cut:], other[:cut] + SEALED[cut:]):
            if mixed not in (SEALED, other):
                refused(ALTERED, mixed)


# Keys ------------------------------------------------------------------------------------------


def test_a_key_that_only_opens_opens() -> None:
    assert ACCESS.open(PROMOTED, ROW, SEALED) == VALUE
    assert ACCESS.seal(PROMOTED, ROW, VALUE)[1:5] == (3).to_bytes(4)


def test_a_value_under_an_unknown_key_is_not_opened(refused: Refused) -> None:
    refused(
        "key 1 is not in the ring, or retired",
        SEALED,
        ring=KeyRing([Key(3, "primary", MADE, SECOND.root)]),
    )
    refused("key 0 is not in the ring, or retired", b"\x01" + bytes(40))
    refused("key 4294967295 is not in the ring, or retired", b"\x01" + b"\xff" * 40)


def test_a_value_under_a_retired_key_is_not_opened(caplog: pytest.LogCaptureFixture) -> None:
    sealed = ACCESS.seal(KeyRing([Key(5, "primary", MADE, RETIRED.root)]), ROW, VALUE)
    with pytest.raises(SealError):
        ACCESS.open(RING, ROW, sealed)

    assert caplog.messages[0].endswith(" cannot be opened: key 5 is not in the ring, or retired")


def test_a_value_under_another_key_of_the_same_id_is_not_opened(refused: Refused) -> None:
    refused(ALTERED, SEALED, ring=KeyRing([Key(1, "primary", MADE, SECOND.root)]))


# Properties ------------------------------------------------------------------------------------

rows = st.lists(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=8), st.uuids()), max_size=4
).map(tuple)


@given(value=st.binary(max_size=200), row=rows, other=rows)
def test_any_value_is_opened_in_its_row_and_in_no_other(value: bytes, row: Row, other: Row) -> None:
    sealed = ACCESS.seal(RING, row, value)

    assert ACCESS.open(RING, row, sealed) == value
    if [*map(str, row)] != [*map(str, other)]:
        with pytest.raises(SealError):
            ACCESS.open(RING, other, sealed)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_bytes_are_opened_that_were_not_sealed(start: bytes, rest: bytes) -> None:
    for made in (start, b"\x01" + start, b"\x01\0\0\0\x01" + start + rest, SEALED[:17] + rest):
        if made != SEALED:
            with pytest.raises(SealError):
                ACCESS.open(RING, ROW, made)


# A hundred thousand attempts -------------------------------------------------------------------


def mutations(chance: random.Random, sealed: list[bytes]) -> Iterator[bytes]:
    """Yield values that were never sealed, without end."""
    while True:
        one, other = chance.sample(sealed, 2)
        place, far = sorted(chance.sample(range(len(one)), 2))
        noise = chance.randbytes(chance.randint(1, 20))
        yield one[:place] + bytes([one[place] ^ 1 << chance.randrange(8)]) + one[place + 1 :]
        yield one[:place] + bytes([one[place] ^ chance.randint(1, 255)]) + one[place + 1 :]
        yield one[:place]
        yield one[place + 1 :]
        yield one[:place] + one[far:]
        yield one[:place] + noise + one[place:]
        yield one[:place] + one[far:] + one[place:far]
        yield one[:place] + other[place:]
        yield one[:1] + chance.randbytes(4) + one[5:]
        yield one[:17] + noise + one[-16:]
        yield one[:5] + chance.randbytes(len(one) - 5)


@pytest.mark.slow
def test_of_a_hundred_thousand_alterations_and_moves_none_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("oadb.security"), "disabled", True)
    chance = random.Random(20260101)
    places = [*product(COLUMNS, ROWS, (RING, PROMOTED))]
    sealed = [
        (column, row, ring, column.seal(ring, row, chance.randbytes(chance.randint(0, 40))))
        for column, row, ring in places
    ]
    genuine = {value for *_, value in sealed}
    altered, moved, accepted = 0, 0, 0
    source = mutations(chance, [*genuine])
    while altered < 100_000:
        value = next(source)
        if value in genuine:
            continue
        column, row, ring, _ = chance.choice(sealed)
        accepted += opens(column, ring, row, value)
        altered += 1
    for (column, row, ring, _), (home, own, _, value) in product(sealed, sealed):
        if (column, row) != (home, own):
            accepted += opens(column, ring, row, value)
            moved += 1
    print(f"\n{altered:,} alterations and {moved:,} moves: {accepted} accepted")

    assert altered == 100_000
    assert moved == len(sealed) * (len(sealed) - 2) > 70_000
    assert accepted == 0
    assert all(opens(column, ring, row, value) for column, row, ring, value in sealed)


def opens(column: SealedColumn, ring: KeyRing, row: Row, value: bytes) -> bool:
    try:
        column.open(ring, row, value)
    except SealError:
        return False
    return True
