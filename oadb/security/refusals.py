"""Why a credential is not accepted: three different answers, none of them an exception."""

from enum import Enum


class Refusal(Enum):
    """The reason. A database that did not answer is no refusal: it raises UnavailableError."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
