"""Recovery codes: made of the secret of a second factor and a random salt, so none is stored.

Who can open the secret can make codes of the authenticator as well; who cannot learns nothing from
the salt.
"""

import hmac
from base64 import b32encode
from unicodedata import category

from oadb.security.secret import Secret
from oadb.validation.argument_rules import is_visible

CODES = 10
"""Recovery codes of a user."""

SALT_BYTES = 16

_LONGEST_TYPED = 100

# Characters of 5 bits.
_LENGTH = 10


def codes_of(secret: bytes, salt: bytes) -> list[Secret]:
    """Return the codes, in two halves with a hyphen between them."""
    return [Secret(f"{code[:5]}-{code[5:]}") for code in _plain(secret, salt)]


def typed(code: Secret) -> str:
    """Return a code as it is meant, without the spaces and dashes that people type.

    A longer text than a person types is returned unchanged; it is no code.
    """
    given = code.reveal()
    if len(given) > _LONGEST_TYPED:
        return given
    return "".join(each for each in given if is_visible(each) and category(each) != "Pd")


def position_of(secret: bytes, salt: bytes, code: Secret) -> int | None:
    """Return which of the codes is given, in any letter case, whatever its spaces and hyphens."""
    known = typed(code).lower().encode(errors="surrogatepass")
    matching = [
        position
        for position, plain in enumerate(_plain(secret, salt))
        if hmac.compare_digest(plain.encode(), known)
    ]
    return matching[0] if matching else None


def _plain(secret: bytes, salt: bytes) -> list[str]:
    digests = (hmac.digest(secret, b"recovery" + salt + bytes([n]), "sha256") for n in range(CODES))
    return [b32encode(digest)[:_LENGTH].decode().lower() for digest in digests]
