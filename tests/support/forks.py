"""Work in a forked child process."""

import os
import signal
from collections.abc import Callable
from traceback import format_exc


def in_child(work: Callable[[], object]) -> str:
    """Run *work* in a forked child; return its result or its traceback, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(15)
            answer = repr(work())
        except BaseException:  # noqa: BLE001  # the parent gets it
            answer = format_exc()
        os.write(writer, answer.encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        text = answers.read()
    assert os.waitpid(child, 0)[1] == 0, "the child hung"
    return text
