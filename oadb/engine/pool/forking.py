"""Pools in a forked child: their connections belong to the parent, whose sessions must go on."""

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What a forked child inherits: a Pool."""

    def abandon_inherited(self) -> None:
        """Drop, without closing them, the connections of the parent."""


_pools: weakref.WeakSet[Forked] = weakref.WeakSet()

# Their sockets belong to the parent, whose sessions would end if they were closed.
_inherited: list[object] = []


def expect_forks(pool: Forked) -> None:
    """Have *pool* abandon its connections in each child that is forked while it exists."""
    _pools.add(pool)


def keep_forever(*inherited: object) -> None:
    """Never free what belongs to the parent."""
    _inherited.append(inherited)


def _abandon_all() -> None:
    for pool in list(_pools):
        pool.abandon_inherited()


os.register_at_fork(after_in_child=_abandon_all)
