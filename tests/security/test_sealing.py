"""Sealed values: their format, which never changes, and the keys that open them."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from oadb.errors import SealError
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import OVERHEAD, Row, SealedColumn
from tests.support.log_records import said
from tests.support.sealed import (
    ACCESS,
    ALTERED,
    FIRST,
    MADE,
    PROMOTED,
    RETIRED,
    RING,
    ROW,
    SEALED,
    SECOND,
    VALUE,
    Refused,
)


@pytest.mark.parametrize(
    "value",
    [b"", b"\0", VALUE, bytes(range(256)), bytes(1_000_000)],
    ids=["empty", "NUL", "text", "every byte", "large"],
)
def test_a_sealed_value_is_opened(value: bytes) -> None:
    sealed = ACCESS.seal(RING, ROW, value)

    assert ACCESS.open(RING, ROW, sealed) == value
    assert len(sealed) == len(value) + 33 == len(value) + OVERHEAD


@pytest.mark.parametrize(
    "row",
    [
        (1,),
        (-1,),
        (2**63 - 1,),
        ("",),
        ("é\0\ud800",),
        (UUID(int=5),),
        (7, "zerodha"),
        (),
        (1,) * 50,
    ],
    ids=["1", "negative", "bigint", "empty", "odd text", "uuid", "two", "none", "fifty"],
)
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
    """Test cases A.1 and A.3; the latter has no salt, like oadb."""
    secret = b"\x0b" * 22
    first = HKDF(SHA256(), 42, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    third = HKDF(SHA256(), 42, None, b"")

    assert first.derive(secret).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert third.derive(secret).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


# Sealed by the first release. A change that cannot open them loses stored values.
PINNED = {
    "text": (
        ACCESS,
        ROW,
        VALUE,
        (
            "0100000001f9cfde5c1b150c9805ae3a81c4d49f46c87d9872255575722449bd4b9787ab3a34b95e"
            "0595b2325fc0e4cb0e"
        ),
    ),
    "empty": (
        SealedColumn("users", "password_hash"),
        (2**63 - 1,),
        b"",
        "01000000014a134a2a16c2e32c29abf121b86a2c7c9aeb46fa7d8b8d9873bf2bfd",
    ),
    "uuid": (
        SealedColumn("sessions", "fingerprint"),
        (42, UUID("0190c5b4-0000-7000-8000-000000000001")),
        bytes(range(32)),
        (
            "01000000013703eeede24ea03cb2d8a1482597e00d5d1fcab900b060adcaa6ad94f3ea2337862ab3"
            "28eb52f25e38a63a6c31a0bfdbdeabd4a3cb3e4126c2207d20"
        ),
    ),
}


@pytest.mark.parametrize("name", PINNED)
def test_the_format_never_changes(name: str, released: KeyRing) -> None:
    column, row, value, sealed = PINNED[name]

    assert column.open(released, row, bytes.fromhex(sealed)) == value


def test_a_sealed_value_can_be_opened_without_oadb() -> None:
    """The documentation is enough: HKDF, AES-GCM, and a length of 4 bytes before each part."""
    sealed = bytes.fromhex(PINNED["text"][3])
    parts = [b"oadb", b"broker_tokens", b"access_token", sealed[:5], b"7", b"zerodha"]
    context = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    label = b"oadb/v1/seal/broker_tokens.access_token"
    key = HKDF(SHA256(), 32, None, label).derive(bytes(range(32)))

    assert AESGCM(key).decrypt(sealed[5:17], sealed[17:], context) == VALUE


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

    assert said(caplog, "oadb.security")[0].endswith(
        " cannot be opened: key 5 is not in the ring, or retired"
    )


def test_a_value_under_another_key_of_the_same_id_is_not_opened(refused: Refused) -> None:
    refused(ALTERED, SEALED, ring=KeyRing([Key(1, "primary", MADE, SECOND.root)]))
