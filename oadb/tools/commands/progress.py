"""Rows that pass, counted on a terminal."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

T = TypeVar("T")

# How often the number is brought up to date, in rows.
_TICK = 500


class Watch(Protocol):
    """Sees rows pass, whatever they are."""

    def __call__(self, rows: Iterable[T], /) -> Iterator[T]:
        """Yield the rows."""
        ...


@contextmanager
def counting(label: str) -> Generator[Watch]:
    """Show rows as they pass, on a terminal; say nothing elsewhere."""
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f} rows"))
    console = Console(stderr=True)
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:

        def watch(rows: Iterable[T]) -> Iterator[T]:
            task = progress.add_task(label, total=None)
            for number, row in enumerate(rows, 1):
                if number % _TICK == 0:
                    progress.update(task, completed=number)
                yield row
            progress.remove_task(task)

        yield watch
