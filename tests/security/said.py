"""What an error says to whoever looks at all of it, as error trackers do."""

import traceback


def everything_said(error: BaseException) -> str:
    """Return all that a logger could find in an error and in those behind it."""
    found: list[str] = []
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is None:
            continue
        found += [str(link), repr(link), repr(link.args), repr(link.__dict__)]
        found += traceback.format_exception(link)
        chain += [link.__cause__, link.__context__]
    return "\n".join(found)


def everything_shown(error: BaseException) -> str:
    """Return the same, and what the variables show of each function that the error passed through.

    Not those of the first function: that is the test, whose variables are the secrets.
    """
    below = error.__traceback__ and error.__traceback__.tb_next
    captured = traceback.TracebackException(type(error), error, below, capture_locals=True)
    return "".join((everything_said(error), *captured.format()))
