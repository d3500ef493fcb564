"""Passwords: Argon2id, with equal time for every failure and bounded memory and CPU.

The parameters are the second recommended option of RFC 9106, section 4 (64 MiB, 3 passes, 4 lanes),
which is also argon2-cffi's default.
"""

import os
import secrets
import threading
from base64 import b64decode, b64encode
from contextlib import suppress

import argon2

from oadb.errors import BusyError, ParameterError
from oadb.security.secret import Secret

# Bytes of UTF-8. Fewer than 8 can be guessed, more than 1024 only cost memory and bandwidth.
SHORTEST, LONGEST = 8, 1024

_MEMORY_BUDGET_KIB = 512 * 1024

# Seconds that a caller waits for its turn to hash.
_TURN_TIMEOUT = 2.0

# A stored hash names the cost of verifying it. One beyond these limits (KiB, passes, lanes,
# characters) was planted: verifying it could exhaust the machine.
_MOST_MEMORY, _MOST_PASSES, _MOST_LANES, _MOST_TEXT = 1024 * 1024, 10, 16, 512

# Marks a hash of another system; the pepper that it appends to passwords follows in base64.
_PEPPERED = "peppered$"

# Messages of the C library for errors of the machine, not of the hash.
_EXHAUSTED = frozenset({"Memory allocation error", "Threading failure"})


class Passwords:
    """Hashes and verifies passwords with one set of parameters."""

    def __init__(
        self,
        parameters: argon2.Parameters = argon2.profiles.RFC_9106_LOW_MEMORY,
        turn_timeout: float = _TURN_TIMEOUT,
    ) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._dummy = _unmatchable(parameters)
        self._turn_timeout = turn_timeout
        at_once = min(os.cpu_count() or 1, _MEMORY_BUDGET_KIB // parameters.memory_cost)
        # More than the number of cores costs memory and latency without adding throughput.
        self._turns = threading.BoundedSemaphore(max(at_once, 1))

    def hash(self, password: Secret) -> Secret:
        """Return the hash to store, in PHC format.

        It takes about 0.1 s and 64 MiB.

        Raises:
            ParameterError: a password that is too short, too long, or not text in UTF-8.
            BusyError: no turn within 2 s, or not enough memory or threads.
        """
        if not SHORTEST <= len(_encoded(password)) <= LONGEST:
            raise ParameterError(
                f"a password must be text of {SHORTEST} to {LONGEST} bytes in UTF-8"
            )
        with self._turn():
            return Secret(self._hasher.hash(_encoded(password)))

    def verify(self, stored: Secret | None, password: Secret) -> bool:
        """Say whether *stored* is a hash of *password*.

        It takes the same time without a hash, for a malformed hash and for a wrong password, so
        that the time does not reveal which accounts exist.

        Raises:
            BusyError: no turn within 2 s, or not enough memory or threads; nothing was verified.
        """
        with self._turn():
            return self._matches(stored, password)

    def _matches(self, stored: Secret | None, password: Secret) -> bool:
        given = _encoded(password)
        hashed, pepper = _parts("" if stored is None else stored.reveal())
        if not given or len(given) > LONGEST or not _is_sane(hashed):
            return self._refuse(given[:LONGEST])
        try:
            return self._hasher.verify(hashed, given + pepper)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError) as error:
            if str(error) in _EXHAUSTED:
                raise
            return self._refuse(given)  # malformed, which takes no time to find

    def _refuse(self, given: bytes) -> bool:
        """Take the time of a verification that fails."""
        with suppress(argon2.exceptions.VerifyMismatchError):
            self._hasher.verify(self._dummy, given)
        return False

    def is_outdated(self, stored: Secret) -> bool:
        """Say whether *stored* has a pepper, or other parameters than those of new hashes."""
        hashed, pepper = _parts(stored.reveal())
        return bool(pepper) or self._hasher.check_needs_rehash(hashed)

    def _turn(self) -> "_Turn":
        return _Turn(self._turns, self._turn_timeout)


def peppered(hashed: Secret, pepper: Secret) -> Secret:
    """Return a hash of password + pepper, as another system makes it, in the form to store.

    The pepper is stored with the hash, both sealed, until the next sign-in replaces them.

    Raises:
        ParameterError: a hash that ``verify`` would not accept, or an invalid pepper.
    """
    secret = _encoded(pepper)
    if not _is_sane(hashed.reveal()) or not 0 < len(secret) <= LONGEST:
        raise ParameterError("a hash must be Argon2id in PHC format, and a pepper a short text")
    return Secret(f"{_PEPPERED}{b64encode(secret).decode()}{hashed.reveal()}")


class _Turn:
    """A turn to hash; as many callers as there are turns hash at the same time."""

    def __init__(self, turns: threading.BoundedSemaphore, timeout: float) -> None:
        self._turns = turns
        self._timeout = timeout

    def __enter__(self) -> None:
        if not self._turns.acquire(timeout=self._timeout):
            raise BusyError(f"password hashing was fully in use for {self._timeout:g} s; try again")

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._turns.release()
        if isinstance(error, argon2.exceptions.Argon2Error) and str(error) in _EXHAUSTED:
            raise BusyError(f"password hashing lacks capacity: {error}; try again") from None


def _encoded(password: Secret) -> bytes:
    """Return UTF-8, or b"" for lone surrogates: the codec's error would quote the password."""
    try:
        return password.reveal().encode()
    except UnicodeEncodeError:
        return b""


def _parts(stored: str) -> tuple[str, bytes]:
    """Return the hash and its pepper, which is usually empty."""
    if not stored.startswith(_PEPPERED):
        return stored, b""
    pepper, mark, hashed = stored.removeprefix(_PEPPERED).partition("$")
    try:
        return mark + hashed, b64decode(pepper, validate=True)
    except ValueError:  # not made by ``peppered``
        return "", b""


def _is_sane(stored: str) -> bool:
    if len(stored) > _MOST_TEXT or not stored.isascii():
        return False
    try:
        cost = argon2.extract_parameters(stored)
    except argon2.exceptions.InvalidHashError:
        return False
    return (
        cost.type is argon2.Type.ID
        and cost.memory_cost <= _MOST_MEMORY
        and cost.time_cost <= _MOST_PASSES
        and cost.parallelism <= _MOST_LANES
    )


def _unmatchable(parameters: argon2.Parameters) -> str:
    """Return a hash that costs as much as a real one and matches no password."""
    salt = b64encode(secrets.token_bytes(parameters.salt_len)).rstrip(b"=").decode()
    digest = b64encode(secrets.token_bytes(parameters.hash_len)).rstrip(b"=").decode()
    cost = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
