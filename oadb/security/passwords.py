"""Passwords: Argon2id, with equal time for every failure and a bound on memory and CPU.

Parameters are those of RFC 9106, section 4, second recommended option (64 MiB, 3 passes,
4 lanes), which is also argon2-cffi's default.
"""

import os
import secrets
import threading
from base64 import b64decode, b64encode
from contextlib import suppress

import argon2

from oadb.errors import BusyError, ParameterError
from oadb.security.secret import Secret

# Bytes of UTF-8. Below 8 is guessable, beyond 1024 only costs memory and transport.
SHORTEST, LONGEST = 8, 1024

_MEMORY_BUDGET_KIB = 512 * 1024

# Seconds a caller waits for its turn to hash.
_TURN_TIMEOUT = 2.0

# A stored hash says what it costs to verify. Beyond these limits (KiB, passes, lanes, characters)
# it was planted: verifying it could take the whole machine.
_MOST_MEMORY, _MOST_PASSES, _MOST_LANES, _MOST_TEXT = 1024 * 1024, 10, 16, 512

# A hash of another system, and in front of it, in base64, what that system appends to passwords.
_PEPPERED = "peppered$"

# What the C library says when the machine, not the hash, is the reason.
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
        # Beyond the number of cores only memory and waiting grow, not throughput.
        self._turns = threading.BoundedSemaphore(max(at_once, 1))

    def hash(self, password: Secret) -> Secret:
        """Return the hash to store, in PHC format.

        Takes about 0.1 s and 64 MiB. Raises ParameterError for a password that is too short, too
        long or no text, BusyError after 2 s without a turn and where memory or threads are lacking.
        """
        if not SHORTEST <= len(_encoded(password)) <= LONGEST:
            raise ParameterError(
                f"a password must be text of {SHORTEST} to {LONGEST} bytes in UTF-8"
            )
        with self._turn():
            return Secret(self._hasher.hash(_encoded(password)))

    def verify(self, stored: Secret | None, password: Secret) -> bool:
        """Say whether *password* is the one that *stored* is the hash of.

        Takes the same time for no hash, a malformed hash and a wrong password, so that nobody
        learns who has an account. Raises BusyError after 2 s without a turn and where memory or
        threads are lacking: nothing was verified then.
        """
        with self._turn():
            return self._matches(stored, password)

    def _matches(self, stored: Secret | None, password: Secret) -> bool:
        given = _encoded(password)
        known, pepper = _parts("" if stored is None else stored.reveal())
        if not given or len(given) > LONGEST or not _is_sane(known):
            return self._refuse(given[:LONGEST])
        try:
            return self._hasher.verify(known, given + pepper)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError) as error:
            if str(error) in _EXHAUSTED:
                raise
            return self._refuse(given)  # found malformed before any work was done

    def _refuse(self, given: bytes) -> bool:
        """Do the work of a verification that fails."""
        with suppress(argon2.exceptions.VerifyMismatchError):
            self._hasher.verify(self._dummy, given)
        return False

    def is_outdated(self, stored: Secret) -> bool:
        """Say whether *stored* has a pepper, or was made with other parameters than today's."""
        known, pepper = _parts(stored.reveal())
        return bool(pepper) or self._hasher.check_needs_rehash(known)

    def _turn(self) -> "_Turn":
        return _Turn(self._turns, self._turn_timeout)


def peppered(known: Secret, pepper: Secret) -> Secret:
    """Return the hash of a system that hashes password + pepper, in the form that we store.

    The pepper stays with the hash, which is sealed, until the next sign-in makes one without.
    Raises ParameterError for what is no Argon2id hash that ``verify`` would look at.
    """
    secret = _encoded(pepper)
    if not _is_sane(known.reveal()) or not 0 < len(secret) <= LONGEST:
        raise ParameterError("a hash must be Argon2id in PHC format, and a pepper a short text")
    return Secret(f"{_PEPPERED}{b64encode(secret).decode()}{known.reveal()}")


class _Turn:
    """One of the few places in which a password may be hashed."""

    def __init__(self, turns: threading.BoundedSemaphore, timeout: float) -> None:
        self._turns = turns
        self._timeout = timeout

    def __enter__(self) -> None:
        if not self._turns.acquire(timeout=self._timeout):
            raise BusyError(
                f"password hashing is in full use and stayed so for {self._timeout:g} s; try again"
            )

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._turns.release()
        if isinstance(error, argon2.exceptions.Argon2Error) and str(error) in _EXHAUSTED:
            raise BusyError(f"password hashing lacks capacity: {error}; try again") from None


def _encoded(password: Secret) -> bytes:
    """Return UTF-8, empty for lone surrogates; the codec's own error would quote the password."""
    try:
        return password.reveal().encode()
    except UnicodeEncodeError:
        return b""


def _parts(stored: str) -> tuple[str, bytes]:
    """Return a hash and the pepper that its password is verified with, as a rule none."""
    if not stored.startswith(_PEPPERED):
        return stored, b""
    pepper, mark, known = stored.removeprefix(_PEPPERED).partition("$")
    try:
        return mark + known, b64decode(pepper, validate=True)
    except ValueError:  # nothing that ``peppered`` made
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
    """Return a hash that costs what a real one costs and that no password has."""
    salt = b64encode(secrets.token_bytes(parameters.salt_len)).rstrip(b"=").decode()
    digest = b64encode(secrets.token_bytes(parameters.hash_len)).rstrip(b"=").decode()
    cost = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
