"""Log tables: the dataclass of their rows, and the order of their columns in its statement."""

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import get_type_hints

from oadb.engine.binding.annotations import value_type
from oadb.engine.binding.queries import Query
from oadb.engine.binding.results import Affected
from oadb.errors import DeclarationError
from oadb.logs.redaction import ERROR, Redacted, Redaction, Values

Getter = Callable[[object], Values]
Store = Query[..., Affected]

# Known by its name, because a dataclass has addresses as texts.
_ADDRESS, _USER = "ip", "user_id"


@dataclasses.dataclass(frozen=True, slots=True)
class LogTable:
    """A log table and its rows. Numbers of columns are indexes into *names*."""

    name: str
    row: type
    names: tuple[str, ...]
    """The fields, in the order in which rows are queued: texts, others, bodies."""
    order: tuple[int, ...]
    """The columns after ``logged_at``, in the order in which they are stored."""
    bodies: frozenset[int]
    """The columns of type jsonb."""
    error: int | None
    """The column of the text of an error; None: there is none."""
    address: int | None
    """The column of an IP address; None: there is none."""
    user: int | None
    """The column of a user that COPY may not leave empty; None: there is none."""
    texts: Getter
    others: Getter
    documents: Getter | None
    """The values of *bodies*; None: there are none."""
    store: Callable[..., int]
    """Inserts rows by columns, arrays as texts."""
    copy: Callable[..., int]
    """Copies rows, blocks of lines."""

    def redacted(self, row: object, redaction: Redaction) -> Redacted:
        """Return the values of *row*, redacted, and their size."""
        texts, others = self.texts(row), self.others(row)
        if self.error is not None and others[self.error - len(texts)] is not None:
            kept = redaction.mixed(texts + others, self.error)
        else:
            kept = redaction.flat(texts, others)
        return kept if self.documents is None else redaction.with_bodies(kept, self.documents(row))


def table(row: type, store: Store, copy: Store, *, is_keyed_by_user: bool = False) -> LogTable:
    """Describe the table in which *store* inserts, and *copy* copies rows of the dataclass *row*.

    Args:
        is_keyed_by_user: whether *store* gives a row of nobody a number in the place of a user.

    Raises:
        DeclarationError: the columns of *store* are not ``logged_at`` and then the fields of *row*,
            or those of *copy* are others.
    """
    words = store.statement.words
    first, *columns = words[4 : words.index("select")]
    hints = get_type_hints(row)
    copied = copy.statement.words[3:-2]
    if first != "logged_at" or set(columns) != hints.keys() or copied != (first, *columns):
        raise DeclarationError(
            f"{store.label} must insert logged_at, then the fields of {row.__name__} in any order, "
            f"and {copy.label} must copy the same columns"
        )
    texts = [name for name in columns if _plain_type(hints[name]) is str and name != ERROR]
    bodies = [name for name in columns if _plain_type(hints[name]) is dict]
    others = [name for name in columns if name not in {*texts, *bodies}]
    names = (*texts, *others, *bodies)
    return LogTable(
        name=store.label.partition(".")[0],
        row=row,
        names=names,
        order=tuple(map(names.index, columns)),
        bodies=frozenset(map(names.index, bodies)),
        error=names.index(ERROR) if ERROR in names else None,
        address=names.index(_ADDRESS) if _ADDRESS in names else None,
        texts=_getter(texts),
        others=_getter(others),
        documents=_getter(bodies) if bodies else None,
        user=names.index(_USER) if is_keyed_by_user else None,
        store=store,
        copy=copy,
    )


def _getter(names: Sequence[str]) -> Getter:
    # For two or more names it returns a tuple, at a fifth of the cost of a loop.
    return attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)


def _plain_type(annotation: object) -> object:
    """Return the type of values of ``str | None``, a Literal or ``dict[str, object]``."""
    found = value_type(annotation)
    return None if found is None else found.python
