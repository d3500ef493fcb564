"""How much of a table or an index is empty, by an estimate from what ANALYZE found."""

from collections.abc import Sequence
from dataclasses import dataclass

from oadb.tools.activity.quantities import size


@dataclass(frozen=True, slots=True)
class StoredSize:
    """The bytes of a table or an index, and those that its rows need; None: nobody knows."""

    name: str
    used: int
    needed: int | None
    mending: str

    def __str__(self) -> str:
        """Return how much of it is empty, as a part of a sentence."""
        return f"{self.name} takes {size(self.used)}, of which about {size(self.waste)} are empty"

    @property
    def waste(self) -> int:
        """The bytes that are empty, as far as is known."""
        return 0 if self.needed is None else max(0, self.used - self.needed)


def wasteful(found: Sequence[StoredSize], least: int, share: float) -> list[StoredSize]:
    """Return those of which *least* bytes and this *share* are empty, the emptiest first."""
    chosen = [each for each in found if each.waste >= max(least, share * each.used)]
    return sorted(chosen, key=lambda each: each.waste, reverse=True)


def summary(found: Sequence[StoredSize], kind: str, least: int) -> str:
    """Say that none of some is mostly empty, and of how many nobody knows."""
    hidden = sum(each.needed is None for each in found)
    text = f"none of {len(found) - hidden} {kind} of at least {size(least)} is mostly empty"
    if hidden:
        text += f"; of {hidden} the columns were not analyzed, or this role does not see them"
    return text
