"""Where something was begun: the frames of a call, noted cheaply because they are rarely shown."""

import os
import sys
import traceback
from pathlib import PurePath
from types import CodeType, FrameType
from typing import NamedTuple

_DEPTHS = range(12)

# Files of the engine, and of what only passes calls on.
_ENGINE = PurePath(__file__).parent.parent
_PASSING = (f"{_ENGINE}{os.sep}", str(PurePath(traceback.__file__).parent / "contextlib.py"))
_PACKAGE = (f"{_ENGINE.parent}{os.sep}", *_PASSING)


class CallingFrame(NamedTuple):
    """A frame when it was noted: its code, which frame it is, and how far it had come."""

    code: CodeType
    frame_id: int
    instruction: int

    @property
    def line(self) -> int:
        """The line where it was; only looked up when it is shown."""
        spans = self.code.co_lines()
        found = (line for start, end, line in spans if start <= self.instruction < end and line)
        return next(found, self.code.co_firstlineno)

    def has_gone_on(self, frame: FrameType) -> bool:
        """Say whether *frame*, of the same id, is this one, at another instruction."""
        return self.code is frame.f_code and self.instruction != frame.f_lasti


Callers = list[tuple[CodeType, int, int]]
"""Frames of a stack, the innermost first: the fields of CallingFrame, which is rarely made."""


def callers() -> Callers:
    """Return the innermost frames around the function that asks, which is one of the engine."""
    frame, found = sys._getframe(1).f_back, Callers()
    for _ in _DEPTHS:
        if frame is None:
            break
        found.append((frame.f_code, id(frame), frame.f_lasti))
        frame = frame.f_back
    return found


def begun_by(origin: Callers) -> CallingFrame:
    """Return the innermost frame outside of the engine."""
    return _outside(origin, _PASSING)


def operation_of(origin: Callers) -> CallingFrame:
    """Return the frame of begun_by; in oadb itself, that of the function which the program called.

    So a transaction of ``users.create`` has this name, and not that of a helper in another module.
    """
    found = begun_by(origin)
    for caller in map(CallingFrame._make, origin[origin.index(found) + 1 :]):
        name = caller.code.co_filename
        if not name.startswith(_PACKAGE):
            break
        if not name.startswith(_PASSING):
            found = caller
    return found


def asked_by() -> CallingFrame:
    """Return the innermost frame of the calling thread or task outside of oadb."""
    return _outside(callers(), _PACKAGE)


def _outside(origin: Callers, files: tuple[str, ...]) -> CallingFrame:
    found = (each for each in origin if not each[0].co_filename.startswith(files))
    return CallingFrame(*next(found, origin[-1]))


def is_still_in(origin: Callers) -> bool:
    """Say whether the calling thread is still in a call from which *origin* was noted.

    Then it shares a frame with *origin* that has gone on since. One that is where it was may be
    the loop of a thread that does one piece of work after the other, of which *origin* belongs to
    an earlier one, whose work went on in another thread.
    """
    noted = {each[1]: CallingFrame(*each) for each in origin}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = noted.get(id(frame))
        if caller is not None and caller.has_gone_on(frame):
            return True
        frame = frame.f_back
    return False


def formatted(origin: Callers) -> str:
    """Return *origin* in the form of a traceback; only now are source files read."""
    frames = [
        traceback.FrameSummary(caller.code.co_filename, caller.line, caller.code.co_name)
        for caller in (CallingFrame(*each) for each in reversed(origin))
    ]
    return "".join(traceback.format_list(frames))
