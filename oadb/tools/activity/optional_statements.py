"""Statements on what a server may not have: a view of some versions, an optional extension.

They stand in a folder of their own, so that ``oadb check`` does not ask every database for them;
their modules ask first. docs/decisions/0050-statements-on-what-may-be-absent.md.
"""

FOLDER = "sql/optional"
