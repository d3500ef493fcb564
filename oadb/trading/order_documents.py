"""Orders that wait: what they may hold, as they must stay exact, and what is said of them."""

import re
from collections.abc import Callable
from typing import cast

from oadb.errors import ParameterError
from oadb.security.kept_fields import ORDER_FIELDS
from oadb.security.secret_patterns import hide_secrets
from oadb.validation.argument_rules import is_visible
from oadb.validation.documents import require_document

# The end of a field name, as in the check of the table: apikey, x-api-key, openalgo_apikey.
_API_KEY = re.compile(r"api[-_ ]?key\Z", re.IGNORECASE)


def require_order(what: str, order: dict[str, object]) -> None:
    """Require an object that can be stored and that holds no secret.

    Raises:
        ParameterError: it is unfit (see ``require_document``); or, at any depth, a field is not in
            ORDER_FIELDS, a symbol is blank, or a text looks like a secret.
    """
    require_document(what, order)
    fields, texts = _fields_and_texts(order)
    names = [name for name, _ in fields]
    if any(map(_API_KEY.search, names)):
        raise ParameterError(f"{what} holds an API key; take it out")
    if not all(name.lower() in ORDER_FIELDS for name in names):
        raise ParameterError(
            f"{what} has a field that is not one of an order, see "
            "oadb.security.kept_fields.ORDER_FIELDS; take it out, as it may be a secret"
        )
    if any(_is_blank_symbol(*each) for each in fields):
        raise ParameterError(f"{what} has a symbol that is blank; name the one to trade")
    if any(hide_secrets(text, ORDER_FIELDS) != text for text in texts):
        raise ParameterError(f"{what} has a text that looks like a secret; take it out")


def remark(text: str | None, longest: int, hide: Callable[[str], str] = hide_secrets) -> str | None:
    """Return what was said of an order as *hide* leaves it; a text too long for the table as is."""
    return text if text is None or len(text) > longest else hide(text)[:longest]


def _is_blank_symbol(name: str, value: object) -> bool:
    return name == "symbol" and isinstance(value, str) and not is_visible(value)


def _fields_and_texts(value: object) -> tuple[list[tuple[str, object]], list[str]]:
    """Return all fields in a document with their values, and all its texts."""
    found_fields, texts, waiting = list[tuple[str, object]](), list[str](), [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            fields = cast("dict[str, object]", found)
            found_fields.extend(fields.items())
            waiting.extend(fields.values())
        elif isinstance(found, list):
            waiting.extend(cast("list[object]", found))
        elif isinstance(found, str):
            texts.append(found)
    return found_fields, texts
