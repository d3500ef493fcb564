"""Reads a password: on a terminal without echo, elsewhere a line of standard input."""

import sys
from getpass import getpass

from oadb.errors import ParameterError
from oadb.security.secret import Secret
from oadb.tools.usage import UsageError


def read() -> Secret:
    """Read a new password, on a terminal twice.

    Raises:
        ParameterError: the two differ.
        UsageError: there is no line, or it is empty or not UTF-8.
    """
    if sys.stdin.isatty():
        password = getpass("New password: ")
        if getpass("The same again: ") != password:
            raise ParameterError("the two passwords differ; nothing was changed")
        return Secret(password)
    try:
        password = sys.stdin.readline().removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageError("the password on standard input is not UTF-8") from None
    if not password:
        raise UsageError("no password: write it to standard input, or run this on a terminal")
    return Secret(password)
