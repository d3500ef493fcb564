"""Sealed values: none can be moved, cut or altered."""

import logging
import random
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb.errors import SealError
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import Row, SealedColumn
from tests.support.sealed import (
    ACCESS,
    ALTERED,
    COLUMNS,
    FIRST,
    MADE,
    PROMOTED,
    RING,
    ROW,
    ROWS,
    SEALED,
    VALUE,
    Refused,
)

# Alterations -----------------------------------------------------------------------------------


def reason_for(altered: bytes) -> str:
    """Return the reason that the log must have for an altered value."""
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
    [
        b"",
        b"enctoken",
        b"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        bytes(33),
        b"\x02" + SEALED[1:],
        b"\x00" + SEALED[1:],
        b"\x01" * 32,
    ],
    ids=["empty", "short", "PHC", "zeros", "version 2", "version 0", "a byte too short"],
)
def test_a_value_that_is_not_sealed_is_never_returned(refused: Refused, plain: bytes) -> None:
    refused("it is not a sealed value", plain)


# Moves -----------------------------------------------------------------------------------------


@pytest.mark.long("2,000 moves")
def test_a_value_is_opened_in_its_own_place_only(refused: Refused) -> None:
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
    """The same root has another id: only the header in the context differs."""
    renamed = KeyRing([Key(2, "primary", MADE, FIRST.root)])
    altered = SEALED[:1] + (2).to_bytes(4, "big") + SEALED[5:]

    refused(ALTERED.replace("1", "2"), altered, ring=renamed)


def test_parts_of_two_values_do_not_make_a_third(refused: Refused) -> None:
    other = ACCESS.seal(RING, ROW, b"enctoken hunter3")
    for cut in range(1, len(SEALED)):
        for mixed in (SEALED[:cut] + other[cut:], other[:cut] + SEALED[cut:]):
            if mixed not in (SEALED, other):
                refused(ALTERED, mixed)


# Generated values ------------------------------------------------------------------------------


rows = st.lists(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=8), st.uuids()), max_size=4
).map(tuple)


@pytest.mark.long("many generated values")
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


def mutations(chance: random.Random, sealed: list[bytes]) -> Iterator[bytes]:
    """Yield values that were never sealed, forever."""
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
