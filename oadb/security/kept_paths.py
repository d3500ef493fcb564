"""Paths in texts, of which the segments of known routes are kept."""

import re
from collections.abc import Set as AbstractSet
from functools import partial

from oadb.security.kept_fields import ROUTES
from oadb.security.secret_forms import HIDDEN, replaced

# A path, alone or after the host of a URL.
_PATH = re.compile(r"(://[^\s/?#\"'<>]*/|/(?<![\w.)\]*<>/+-]/)(?<!:/(?=/)))([^\s?#\"',;()\[\]|]*)")

# Paths, and segments of one, that are looked at; what follows is hidden.
_MOST = 30

_END = re.compile("[?#]")

# Segments that cannot be a secret: a letter or two, a small number, and a parameter of a route.
_HARMLESS = re.compile(r"\w{0,2}|\d{1,3}|\*+|<[a-z_]{1,20}(?::[a-z_]{1,20})?>|\{[a-z_]{1,20}\}")


def hide_segments(text: str, fields: AbstractSet[str]) -> str:
    """Return *text* with the segments of paths hidden that are neither in *fields* nor ROUTES."""
    if "/" not in text:
        return text
    return replaced(_PATH, partial(_kept_path, fields), text, _MOST)


def hide_path(path: str, fields: AbstractSet[str] = frozenset()) -> str:
    """Return a path with its segments hidden that are neither in *fields* nor in ROUTES.

    Whatever is in it: after ``?`` or ``#`` nothing is changed.
    """
    end = _END.search(path)
    known = path if end is None else path[: end.start()]
    return _kept(known, fields) + path[len(known) :]


def _kept_path(fields: AbstractSet[str], found: re.Match[str]) -> str:
    return found[1] + _kept(found[2], fields)


def _kept(path: str, fields: AbstractSet[str]) -> str:
    *segments, rest = path.split("/", _MOST)
    segments.append(HIDDEN if "/" in rest else rest)
    return "/".join([each if _is_known(each, fields) else HIDDEN for each in segments])


def _is_known(segment: str, fields: AbstractSet[str]) -> bool:
    if segment in ROUTES or _HARMLESS.fullmatch(segment):
        return True
    lowered = segment.lower()
    return lowered in ROUTES or lowered in fields
