"""Secret: holds a text that must not be shown, such as a password, a token or a key."""

from hmac import compare_digest
from typing import NoReturn, cast, final

from oadb.errors import ParameterError

_HIDDEN = "***"


@final
class Secret:
    """A text that only ``reveal()`` shows.

    Its repr, str and format are ``***``; it cannot be pickled or hashed, and the time of a
    comparison does not depend on the texts. Python cannot erase a text from memory before it is
    collected, so keep a Secret no longer than needed.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap a text.

        Raises:
            ParameterError: *value* is not a str; the error does not show it.
        """
        if not isinstance(cast("object", value), str):
            raise ParameterError(f"Secret: value must be str, not {type(value).__name__}")
        self._value = value

    def reveal(self) -> str:
        """Return the text. Searching for this name finds every place that does so."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_as_bytes(self._value), _as_bytes(other._value))

    __hash__ = None  # type: ignore[assignment]  # a hash would reveal equal texts

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


def _as_bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
