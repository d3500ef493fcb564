"""The key ring: root keys by id, and the keys that are derived from them for each use.

A ring is a JSON document, in a file or in the environment:

    {"keys": {"1": {"root": "<32 bytes in base64url>", "state": "primary", "created": "..."}}}

A root never encrypts anything itself. HKDF-SHA256 (RFC 5869) derives one key for each label, so
that no two uses and no two columns share a key.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from hmac import HMAC
from hmac import digest as hmac_digest
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NoReturn, Self, cast, get_args

from oadb.errors import KeyRingError, ParameterError
from oadb.security import randomness
from oadb.security.secret import Secret, SecretBytes

if TYPE_CHECKING:  # a service without a key ring does not load the package cryptography
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

State = Literal["primary", "decrypt-only", "retired"]

ROOT_BYTES = 32

# A key id is an unsigned integer of 4 bytes in the header of a sealed value; 0 is never used.
_GREATEST_ID = 2**32 - 1

_FIELDS = {"root", "state", "created"}


@dataclass(frozen=True, slots=True, init=False)
class Key:
    """A root key. The primary key seals and opens, decrypt-only keys open, retired keys do neither.

    A retired key stays in the ring so that its id is not used again, and so that an old backup can
    be read after making it decrypt-only. Nothing shows the root: no copy, pickle or ``asdict``.
    """

    key_id: int
    state: State
    created: datetime
    root: SecretBytes

    def __init__(
        self, key_id: int, state: State, created: datetime, root: bytes | SecretBytes
    ) -> None:
        """Hold the values; a KeyRing checks them."""
        hidden = SecretBytes(root) if isinstance(root, bytes) else root
        for name, value in zip(self.__slots__, (key_id, state, created, hidden), strict=True):
            object.__setattr__(self, name, value)

    @property
    def fingerprint(self) -> str:
        """Eight bytes in hex that distinguish keys and reveal nothing else; may be logged."""
        return hmac_digest(self.root.reveal(), b"oadb/v1/fingerprint", "sha256")[:8].hex()

    def derive(self, label: str) -> bytes:
        """Return the key of 32 bytes for the use ``oadb/v1/<label>``."""
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  # see above
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415  # see above

        hkdf = HKDF(SHA256(), length=32, salt=None, info=f"oadb/v1/{label}".encode())
        return hkdf.derive(self.root.reveal())

    def cipher(self, label: str) -> "AESGCM":
        """Return the cipher for the use ``oadb/v1/<label>``."""
        from cryptography.hazmat.primitives.ciphers import aead  # noqa: PLC0415  # see above

        return aead.AESGCM(self.derive(label))


class KeyRing:
    """Root keys, one of them primary, and the keys derived from them. Immutable."""

    def __init__(self, keys: Iterable[Key]) -> None:
        """Check the keys and hold them.

        Raises:
            KeyRingError: not exactly one primary key, equal keys or ids, or an invalid key.
        """
        keys = list(keys)
        self.keys: Mapping[int, Key] = MappingProxyType({key.key_id: key for key in keys})
        _require_sound(keys)
        self._ciphers: dict[tuple[int, str], AESGCM] = {}
        self._macs: dict[str, list[HMAC]] = {}

    @classmethod
    def parse(cls, text: Secret) -> Self:
        """Read a JSON document.

        Raises:
            KeyRingError: an invalid document or ring; neither its text nor its traceback shows a
                root.
            ParameterError: *text* is not a Secret.
        """
        if not isinstance(cast("object", text), Secret):
            given = type(text).__name__
            del text
            raise ParameterError(f"KeyRing.parse: text must be Secret, not {given}")
        try:
            return cls(_parse(text.reveal()))
        except KeyRingError as error:
            problem = str(error)
        # A new error: the traceback of the first one leads to variables with the roots.
        raise KeyRingError(problem)

    def to_json(self) -> str:
        """Return the document, including the roots."""
        keys = {
            str(key.key_id): {
                "root": urlsafe_b64encode(key.root.reveal()).rstrip(b"=").decode(),
                "state": key.state,
                "created": key.created.isoformat(timespec="seconds"),
            }
            for key in self.keys.values()
        }
        return json.dumps({"keys": keys}, indent=2) + "\n"

    @cached_property
    def primary(self) -> Key:
        """The key under which new values are sealed."""
        return next(key for key in self.keys.values() if key.state == "primary")

    @cached_property
    def usable(self) -> tuple[Key, ...]:
        """The keys that open sealed values, the primary one first."""
        others = (key for key in self.keys.values() if key.state == "decrypt-only")
        return (self.primary, *others)

    def with_primary(self, key_id: int) -> "KeyRing":
        """Return a ring in which this key is primary and the former one decrypt-only.

        Raises:
            KeyRingError: no such key, or it is retired.
        """
        key = self.keys.get(key_id)
        if key is None or key.state == "retired":
            raise KeyRingError(f"key {key_id} is {'retired' if key else 'not in the ring'}")
        states: dict[int, State] = {self.primary.key_id: "decrypt-only", key_id: "primary"}
        return KeyRing(
            replace(each, state=states.get(each.key_id, each.state)) for each in self.keys.values()
        )

    def cipher(self, key_id: int, label: str) -> "AESGCM | None":
        """Return the cipher of a key for the use *label*; None if it is missing or retired."""
        found = self._ciphers.get((key_id, label))
        if found is None:
            key = self.keys.get(key_id)
            if key is None or key.state == "retired":
                return None
            # Cached: deriving a key and setting up its cipher costs more than sealing.
            found = self._ciphers[key_id, label] = key.cipher(label)
        return found

    def digests(self, label: str, value: bytes) -> list[bytes]:
        """Return HMAC-SHA256 of *value* under each usable key for *label*, the primary first."""
        macs = self._macs.get(label)
        if macs is None:
            # Cached: setting up a key costs more than computing a digest.
            macs = self._macs[label] = [
                HMAC(key.derive(label), digestmod="sha256") for key in self.usable
            ]
        return [_digest(mac, value) for mac in macs]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key ring cannot be pickled or copied")

    def __repr__(self) -> str:
        return f"<key ring of {', '.join(f'{k.key_id} ({k.state})' for k in self.keys.values())}>"


def _digest(prepared: HMAC, value: bytes) -> bytes:
    mac = prepared.copy()
    mac.update(value)
    return mac.digest()


def _require_sound(keys: list[Key]) -> None:
    primaries = [key.key_id for key in keys if key.state == "primary"]
    if len(primaries) != 1:
        found = ", ".join(map(str, primaries)) or "none"
        raise KeyRingError(f"a key ring has exactly one primary key; this one has {found}")
    if len({key.key_id for key in keys}) != len(keys):
        raise KeyRingError("two keys of the key ring have the same id")
    owners: dict[str, int] = {}
    for key in keys:
        _require_strong(key)
        if key.fingerprint in owners:
            raise KeyRingError(f"keys {owners[key.fingerprint]} and {key.key_id} are the same key")
        owners[key.fingerprint] = key.key_id


def _require_strong(key: Key) -> None:
    if not 1 <= key.key_id <= _GREATEST_ID:
        raise KeyRingError(f"key id {key.key_id} is not between 1 and {_GREATEST_ID}")
    size = len(key.root.reveal())
    if size != ROOT_BYTES:
        raise KeyRingError(
            f"key {key.key_id} has {size} bytes; {ROOT_BYTES} random ones are needed"
        )
    if key.created.utcoffset() is None:
        raise KeyRingError(f"key {key.key_id}: created must have a time zone")
    fault = randomness.fault_of(key.root.reveal())
    if fault is not None:
        raise KeyRingError(f"key {key.key_id} {fault}, which random bytes do not")


def _parse(text: str) -> list[Key]:
    try:
        document = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        document = None
    # Raised here: the decoder's own error carries the whole document.
    if document is None:
        raise KeyRingError("the key ring is not JSON; make one with: oadb keys new")
    fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    keys = fields.get("keys")
    if set(fields) != {"keys"} or not isinstance(keys, dict) or not keys:
        raise KeyRingError('the key ring must be {"keys": {"1": {...}}} with at least one key')
    return [_key(name, entry) for name, entry in cast("dict[str, object]", keys).items()]


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name in found if counts[name] > 1)
        raise KeyRingError(f"the key ring has {_shown(twice)} twice")
    return found


def _key(name: str, entry: object) -> Key:
    if not (name.isascii() and name.isdigit()) or name.startswith("0") or len(name) > 10:
        raise KeyRingError(f"{_shown(name)} is not a key id; expected a whole number from 1")
    if not isinstance(entry, dict) or set(cast("dict[str, object]", entry)) != _FIELDS:
        raise KeyRingError(f"key {name} must have exactly root, state and created")
    fields = cast("dict[str, object]", entry)
    state = fields["state"]
    if state not in get_args(State):
        raise KeyRingError(f"key {name}: state must be one of {', '.join(get_args(State))}")
    created = _moment(name, fields["created"])
    return Key(int(name), cast("State", state), created, _root(name, fields["root"]))


def _moment(name: str, value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # out of range, such as in the year 0 in UTC
        pass
    raise KeyRingError(f"key {name}: created must be a time with its zone, in ISO 8601")


def _root(name: str, value: object) -> bytes:
    """Decode canonical base64url: each key has one spelling, so that equal keys look equal."""
    text = value.encode(errors="replace") if isinstance(value, str) else b""
    try:
        root = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        root = b""
    if not text or urlsafe_b64encode(root).rstrip(b"=") != text:
        raise KeyRingError(f"key {name}: root must be {ROOT_BYTES} bytes in base64url, unpadded")
    return root


def _shown(name: str) -> str:
    """Return a name of the document; not one that is long enough to be a root."""
    return repr(name) if len(name) <= 16 else "a long name"
