"""Tables of logs: which row goes to which, and in which order its values are copied."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import get_type_hints

from oadb.engine.binding.queries import Query
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import value_type
from oadb.engine.executors import Executor
from oadb.errors import DeclarationError
from oadb.logs.redaction import Redacted, Redaction, Values

Getter = Callable[[object], Values]
Store = Query[[Iterable[bytes]], Affected]

# By name: a dataclass has addresses as texts.
_ADDRESS = "ip"


@dataclasses.dataclass(frozen=True, slots=True)
class LogTable:
    """A table of logs, and the rows that go to it. Places are those of *names*."""

    name: str
    row: type
    names: tuple[str, ...]
    """Fields as rows are kept: the texts first."""
    order: tuple[int, ...]
    """Places of the columns after ``logged_at``, as they are copied."""
    bodies: frozenset[int]
    """Places of those that are jsonb."""
    address: int | None
    """Place of the one that is an address."""
    texts: Getter
    others: Getter
    store: Callable[[Executor, Iterable[bytes]], int]

    def redacted(self, row: object, redaction: Redaction) -> Redacted:
        """Return the values of *row* as they may be kept, and their size."""
        texts, others = self.texts(row), self.others(row)
        if self.bodies:
            return redaction.mixed(texts + others, self.bodies)
        return redaction.flat(texts, others)


def table(row: type, store: Store) -> LogTable:
    """Return the table that *store* copies rows of the dataclass *row* to.

    Raises DeclarationError if they do not fit: the columns are ``logged_at``, and then fields.
    """
    words = store.statement.words
    first, *columns = words[3 : words.index("from")]
    hints = get_type_hints(row)
    if first != "logged_at" or set(columns) != hints.keys():
        raise DeclarationError(
            f"{store.label} copies logged_at and the fields of {row.__name__}, in any order"
        )
    texts = [name for name in columns if _plain(hints[name]) is str]
    others = [name for name in columns if name not in texts]
    names = (*texts, *others)
    return LogTable(
        name=store.label.partition(".")[0],
        row=row,
        names=names,
        order=tuple(map(names.index, columns)),
        bodies=frozenset(n for n, name in enumerate(names) if _plain(hints[name]) is dict),
        address=names.index(_ADDRESS) if _ADDRESS in names else None,
        texts=_getter(texts),
        others=_getter(others),
        store=store,
    )


def _getter(names: Sequence[str]) -> Getter:
    # It returns a tuple for two names and more, at a fifth of what a loop costs.
    return attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)


def _plain(annotation: object) -> object:
    """Return the type behind ``str | None``, a Literal or ``dict[str, object]``."""
    found = value_type(annotation)
    return None if found is None else found.python
