"""Bearer tokens: their forms, the typing errors that are noticed, and what is stored."""

import re
import string
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from pathlib import Path
from time import perf_counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb.errors import SealError
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret
from oadb.security.tokens import OwnedForm, TokenKind, UnownedForm, _checksum, sha256_of
from tests.support.roots import some_root

MADE = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Key(1, "primary", MADE, some_root(1))
SECOND = Key(2, "decrypt-only", MADE, some_root(2))
RETIRED = Key(3, "retired", MADE, some_root(3))
RING = KeyRing([FIRST])
BOTH = KeyRing([FIRST, SECOND, RETIRED])

API = TokenKind("oak", SealedColumn("api_keys", "fingerprint"))
SESSION = TokenKind("oas", SealedColumn("sessions", "fingerprint"))
ROW = (7, UUID("0190c5b4-0000-7000-8000-000000000001"))

# Pinned: every later release must accept a token that was issued once.
PINNED = "oak_No287qEH4uQv9vBo5cxQTXAw02KFtzjuPbCrH1FrBEB0nzlu0"
PINNED_DIGEST = "2b5cd721689c3fc4802e2ecca05c9f366c10b8c7d05dd34e63750810a50e6f5a"
OWNED = "oak_No287qEH4uQv9vBo5cxQTXAw02KFtzjuPbCrH1FrBEB00000000000030393BQzi6"
OWNED_DIGEST = "9ac2b5114166ad0916bd18e3d7f61c89f915005fdfe504f7f86565fc3e020772"
OWNER = 12345
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def lookups(kind: TokenKind, ring: KeyRing, token: Secret) -> list[bytes]:
    return kind.digests(ring, sha256_of(token))


@pytest.mark.parametrize("kind", [API, SESSION], ids=["oak", "oas"])
def test_a_new_token_has_the_form_that_scanners_search_for(kind: TokenKind) -> None:
    token = kind.new(OWNER)
    text = token.reveal()

    assert re.fullmatch(rf"{kind.prefix}_[0-9A-Za-z]{{43}}[0-9a-f]{{16}}[0-9A-Za-z]{{6}}", text)
    assert kind.pattern.search(f"curl -H 'X-Key: {text}' https://x.in")
    assert kind.is_wellformed(token)


def test_the_pattern_of_the_documents_finds_whole_tokens_of_every_kind() -> None:
    text = (Path(__file__).parents[2] / "docs/security.md").read_text()
    (form,) = set(re.findall(r"`(oa\[\w+\]_\S+)` for scanners", text))
    for kind in (API, SESSION, *map(OwnedForm, ("oaw", "oat"))):
        for token in (kind.new(OWNER).reveal(), UnownedForm(kind.prefix).new().reveal()):
            found = re.search(form, f"key={token}&x")
            assert found is not None
            assert found[0] == token
    assert re.fullmatch(form, UnownedForm("oad").new().reveal())


def test_new_tokens_are_distinct_and_use_every_digit() -> None:
    made = [API.new(OWNER).reveal() for _ in range(2000)]

    assert len(set(made)) == 2000
    # The first of 43 digits is at most f: 62 ** 43 is a little more than 256 bits.
    assert {text[10] for text in made} == set(DIGITS)


def test_a_token_of_an_earlier_release_is_still_accepted(released: KeyRing) -> None:
    assert API.is_wellformed(Secret(PINNED))
    assert API.owner_of(Secret(PINNED)) is None
    assert lookups(API, released, Secret(PINNED)) == [bytes.fromhex(PINNED_DIGEST)]


def test_a_token_that_names_its_user_is_accepted_by_later_releases(released: KeyRing) -> None:
    assert API.is_wellformed(Secret(OWNED))
    assert API.owner_of(Secret(OWNED)) == OWNER
    assert lookups(API, released, Secret(OWNED)) == [bytes.fromhex(OWNED_DIGEST)]


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_token_names_the_user_that_it_was_made_for(user_id: int) -> None:
    token = API.new(user_id)

    assert API.is_wellformed(token)
    assert API.owner_of(token) == user_id
    assert len(token.reveal()) == 69


def with_owner(digits: str) -> Secret:
    """Return a token with other digits of its user and a right checksum."""
    return Secret(with_checksum(OWNED[:47] + digits))


@given(st.text("0123456789abcdef", min_size=16, max_size=16))
def test_each_spelling_is_another_user(digits: str) -> None:
    token = with_owner(digits)
    user_id = API.owner_of(token)

    assert API.is_wellformed(token)
    assert user_id is not None
    assert -(2**63) <= user_id < 2**63
    assert API.new(user_id).reveal()[47:63] == digits


@pytest.mark.parametrize("digits", ["F" * 16, "0" * 15, "0" * 17, " " * 16, "0x" + "0" * 14])
def test_a_user_that_is_spelled_in_another_way_is_malformed(digits: str) -> None:
    assert not API.is_wellformed(with_owner(digits))


def test_another_user_makes_another_digest() -> None:
    owners = [f"{user_id:016x}" for user_id in (OWNER, OWNER + 1, 0)]
    digests = {lookups(API, RING, with_owner(owner))[0] for owner in ("", *owners)}

    assert len(digests) == 4


def test_a_token_that_names_no_user_has_one_form() -> None:
    kind = UnownedForm("oad")
    token = kind.new()

    assert kind.is_wellformed(token)
    assert len(token.reveal()) == 53
    assert not kind.is_wellformed(Secret(with_checksum("oad" + OWNED[3:-6])))


@pytest.mark.parametrize("token", [PINNED, OWNED], ids=["old", "new"])
def test_every_change_of_one_character_is_noticed(token: str) -> None:
    accepted = [
        text
        for place, digit in product(range(len(token)), DIGITS + "_-é\0")
        if digit != token[place]
        and API.is_wellformed(Secret(text := token[:place] + digit + token[place + 1 :]))
    ]

    assert accepted == []


@pytest.mark.parametrize("token", [PINNED, OWNED], ids=["old", "new"])
def test_every_exchange_of_two_neighbours_is_noticed(token: str) -> None:
    exchanged = {
        token[:n] + token[n + 1] + token[n] + token[n + 2 :] for n in range(len(token) - 1)
    } - {token}

    assert len(exchanged) > 45
    assert not any(API.is_wellformed(Secret(text)) for text in exchanged)


@pytest.mark.parametrize("token", [PINNED, OWNED], ids=["old", "new"])
def test_every_missing_or_doubled_character_is_noticed(token: str) -> None:
    for place in range(len(token)):
        assert not API.is_wellformed(Secret(token[:place] + token[place + 1 :]))
        assert not API.is_wellformed(Secret(token[:place] + token[place] + token[place:]))
        assert not API.is_wellformed(Secret(token[:place]))


def test_a_token_of_one_kind_is_not_one_of_another() -> None:
    key, session = API.new(OWNER), SESSION.new(OWNER)
    renamed = Secret("oas" + key.reveal()[3:])

    assert not SESSION.is_wellformed(key)
    assert not API.is_wellformed(session)
    assert not SESSION.is_wellformed(renamed)
    assert not SESSION.pattern.search(key.reveal())
    assert set(lookups(API, RING, key)).isdisjoint(lookups(SESSION, RING, key))


def with_checksum(body: str) -> str:
    """Return *body* with a checksum, even if it is not the body of a token."""
    return body + _checksum(body)


HOSTILE = {
    "empty": "",
    "prefix": "oak_",
    "zeros": "oak_" + "0" * 49,
    "space before": f" {PINNED}",
    "newline behind": f"{PINNED}\n",
    "newline for the last": f"{PINNED[:-1]}\n",
    "full-width digits": PINNED.replace("1", "１"),  # noqa: RUF001  # the digits are the mistake
    "arabic digits": "oak_" + "٣" * 49,
    "surrogates": "oak_" + "\ud800" * 49,
    "NUL": "oak_" + "\0" * 49,
    "long": "oak_" + "0" * 10_000_000,
    "zeros of a user": "oak_" + "0" * 65,
    "long without end": PINNED * 200_000,
    "upper prefix": "OAK" + PINNED[3:],
    "SQL": "oak_' or 1=1 --".ljust(53),
    "NUL with checksum": with_checksum("oak_" + "\0" * 43),
    "spaces with checksum": with_checksum("oak_" + " " * 43),
    "punctuation with checksum": with_checksum("oak_" + "'" * 43),
    "newline with checksum": with_checksum("oak_" + "a" * 42 + "\n"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_texts_are_found_malformed_at_once(case: str) -> None:
    secret = Secret(HOSTILE[case])
    took = []
    for _ in range(20):
        started = perf_counter()
        assert API.is_wellformed(secret) is False
        took.append(perf_counter() - started)

    assert min(took) < 0.001


def test_malformed_texts_have_digests_as_well() -> None:
    assert len({lookups(API, RING, Secret(text))[0] for text in HOSTILE.values()}) == len(HOSTILE)


def test_there_is_a_digest_for_each_usable_key_the_primary_first() -> None:
    token = API.new(OWNER)

    assert lookups(API, RING, token) == lookups(API, BOTH, token)[:1]
    assert len(lookups(API, BOTH, token)) == 2
    assert lookups(API, BOTH.with_primary(2), token) == lookups(API, BOTH, token)[::-1]


def test_a_digest_is_keyed_and_differs_from_the_plain_hash() -> None:
    token = API.new(OWNER)
    stored = API.store(RING, ROW, token)
    hashed = sha256(token.reveal().encode()).digest()

    assert stored.digest != hashed
    assert stored.digest == lookups(API, RING, token)[0]
    assert API.column.open(RING, ROW, stored.fingerprint) == hashed
    assert hashed not in stored.fingerprint


def test_a_stored_token_can_be_stored_again_under_a_new_key_without_the_token() -> None:
    token = API.new(OWNER)
    old = API.store(BOTH, ROW, token)
    rotated = BOTH.with_primary(2)
    new = API.store_again(rotated, ROW, old.fingerprint)

    assert new.digest == lookups(API, rotated, token)[0] != old.digest
    assert old.digest in lookups(API, rotated, token)
    assert old.fingerprint[1:5] == (1).to_bytes(4)
    assert new.fingerprint[1:5] == (2).to_bytes(4)
    only_new = KeyRing([Key(2, "primary", MADE, SECOND.root.reveal())])
    assert lookups(API, only_new, token) == [new.digest]
    assert API.store_again(only_new, ROW, new.fingerprint).digest == new.digest


def test_a_fingerprint_of_another_row_or_kind_cannot_be_stored_again() -> None:
    stored = API.store(RING, ROW, API.new(OWNER))

    with pytest.raises(SealError):
        API.store_again(RING, (8, ROW[1]), stored.fingerprint)
    with pytest.raises(SealError):
        SESSION.store_again(RING, ROW, stored.fingerprint)


ADOPTING = TokenKind("oak", SealedColumn("api_keys", "fingerprint"), re.compile("[0-9a-f]{64}"))


def test_a_token_of_another_system_is_wellformed_if_its_form_is_declared() -> None:
    theirs = Secret("0123456789abcdef" * 4)

    assert ADOPTING.is_wellformed(theirs)
    assert ADOPTING.is_adoptable(theirs)
    assert ADOPTING.owner_of(theirs) is None
    assert not API.is_wellformed(theirs)
    assert ADOPTING.is_wellformed(Secret(PINNED))
    assert not ADOPTING.is_adoptable(Secret(PINNED))


def test_a_text_of_neither_form_is_malformed() -> None:
    theirs = "0123456789abcdef" * 4
    wrong = [
        "",
        theirs[1:],
        theirs + "0",
        theirs + "\n",
        theirs.upper(),
        "oak_" + theirs,
        PINNED[:-1],
        PINNED[:-1] + "x",
        theirs[:-1] + "\N{DIGIT ZERO}\ud800",
    ]

    assert [text for text in wrong if ADOPTING.is_wellformed(Secret(text))] == []
