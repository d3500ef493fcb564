"""What of a function cannot be the declaration of a statement."""

import inspect
from collections.abc import Collection

_ORDINARY = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def unusual(signature: inspect.Signature) -> list[str]:
    """Report parameters of which a call can have any number."""
    return [
        f"{name} must be an ordinary parameter"
        for name, parameter in signature.parameters.items()
        if parameter.kind not in _ORDINARY
    ]


def unmatched(names: list[str], used: Collection[str]) -> list[str]:
    """Report parameters of the SQL that the function has not, and the other way round."""
    return [
        *(f":{name} is not a parameter" for name in used if name not in names),
        *(f"{name} is not in the SQL" for name in names if name not in used),
    ]
