"""All that an error shows to a logger or an error tracker, and the field that it must name."""

import traceback

import psycopg

from oadb.errors import ConflictError, ParameterError


def error_texts(error: BaseException) -> str:
    """Return all texts that a logger can find in an error, its causes and its contexts."""
    found: list[str] = []
    chain: list[BaseException | None] = [error]
    while chain:
        each = chain.pop()
        if each is None:
            continue
        found += [str(each), repr(each), repr(each.args), repr(each.__dict__)]
        found += traceback.format_exception(each)
        if isinstance(each, psycopg.Error):
            fields = {name: getattr(each.diag, name) for name in dir(each.diag) if name[0] != "_"}
            found += [repr(fields), repr(each.__reduce__()), repr(each.pgresult)]
        chain += [each.__cause__, each.__context__]
    return "\n".join(found)


def error_texts_and_variables(error: BaseException) -> str:
    """Return the same, and the variables of the functions that the error passed through.

    Without those of the first function: that is the test, whose variables hold the secrets.
    """
    below = error.__traceback__ and error.__traceback__.tb_next
    captured = traceback.TracebackException(type(error), error, below, capture_locals=True)
    return "".join((error_texts(error), *captured.format()))


def require_field(error: Exception) -> None:
    """Check that a violated constraint is an error of oadb that names its field."""
    if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("23"):
        assert isinstance(error, ParameterError | ConflictError)
        assert error.field
