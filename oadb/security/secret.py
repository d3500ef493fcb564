"""Secret: holds a text that must not be shown, such as a password, a token or a key."""

from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, NoReturn, cast, final

from oadb.errors import ParameterError

_HIDDEN = "***"
_ADVICE = "leave it out, or pass what its reveal() returns, on purpose"


class Hidden:
    """What a Secret and the bytes of a key have in common: nothing of their value is shown.

    No attribute holds the value, only a function does, so that a tool that looks into objects finds
    nothing: not by repr, vars, slots, ``__getstate__``, copies or ``dataclasses.asdict``.
    """

    __slots__ = ("_shown",)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_HIDDEN})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    __hash__ = None  # type: ignore[assignment]  # a hash would reveal equal values

    def __copy__(self) -> "Hidden":
        return self

    def __deepcopy__(self, memo: object) -> "Hidden":
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled; {_ADVICE}")

    if not TYPE_CHECKING:  # which refuse a loop over one already

        def __iter__(self) -> NoReturn:
            # FastAPI tries it on what it cannot make JSON of, and then shows this error.
            raise TypeError(f"a {type(self).__name__} has no parts and is not made JSON; {_ADVICE}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> NoReturn:
        # When the model or the route is declared: a mask would be sent as if it were the value.
        raise TypeError(
            f"a {cls.__name__} is no field of a pydantic model or of an answer of FastAPI; "
            f"{_ADVICE}. To take one from a request, use pydantic.SecretStr"
        )

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__getstate__()


@final
class Secret(Hidden):
    """A text that only ``reveal()`` shows.

    Its repr, str and format are ``***``; it cannot be pickled or hashed, and the time of a
    comparison does not depend on the texts. Python cannot erase a text from memory before it is
    collected, so keep a Secret no longer than needed.
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        """Wrap a text.

        Raises:
            ParameterError: *value* is not a str; the error does not show it.
        """
        if not isinstance(cast("object", value), str):
            raise ParameterError(f"Secret: value must be str, not {type(value).__name__}")
        self._shown: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """Return the text. Searching for this name finds every place that does so."""
        return self._shown()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_as_bytes(self.reveal()), _as_bytes(other.reveal()))

    __hash__ = None  # __eq__ takes it away


@final
class SecretBytes(Hidden):
    """Bytes that only ``reveal()`` shows, such as those of a key."""

    __slots__ = ()

    def __init__(self, value: bytes) -> None:
        """Wrap bytes."""
        self._shown: Callable[[], bytes] = lambda: value

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._shown()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretBytes):
            return NotImplemented
        return compare_digest(self.reveal(), other.reveal())

    __hash__ = None  # __eq__ takes it away


def _as_bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
