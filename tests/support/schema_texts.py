"""The text of a schema, for a comparison with that of a file on any server, or on a cluster."""

import re

from oadb.testing.chosen_layout import is_cluster

_NUMBERED = "grant insert (log_id, "


def comparable(text: str, version: int) -> str:
    """Return a schema without what a server shows otherwise.

    An older one lacks a privilege, and shows columns of views otherwise. On a cluster, roles may
    name the column that Citus numbers when they write a log.

    Args:
        version: of the server, such as 150000.
    """
    if version < 170000:
        text = text.replace("insert, maintain, select", "insert, select")
    if version < 160000:
        text = re.sub(r"\bip_bans\.", "", text)
    if is_cluster():
        text = re.sub(r"^grant[^;]+;", _on_a_line, text, flags=re.MULTILINE)
        text = text.replace(_NUMBERED, _NUMBERED.replace("log_id, ", ""))
    return text


def _on_a_line(grant: re.Match[str]) -> str:
    return " ".join(grant[0].split())
