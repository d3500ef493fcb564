"""What an error says to whoever looks at all of it."""

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
