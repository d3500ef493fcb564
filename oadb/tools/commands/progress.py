"""Rows that pass, counted on a terminal; nothing is shown elsewhere."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

# How often the number is brought up to date, in rows.
_TICK = 500


class Watch(Protocol):
    """Sees rows pass, whatever they are."""

    def __call__(self, rows: Iterable[T], /) -> Iterator[T]:
        """Yield the rows."""
        ...


@contextmanager
def watching(label: str) -> Generator[Watch]:
    """Show rows as they pass."""
    with _shown() as progress:

        def watch(rows: Iterable[T]) -> Iterator[T]:
            task = progress.add_task(label, total=None)
            for number, row in enumerate(rows, 1):
                if number % _TICK == 0:
                    progress.update(task, completed=number)
                yield row
            progress.remove_task(task)

        yield watch


@contextmanager
def counting(label: str, total: int | None = None) -> Generator[Callable[[int], None]]:
    """Show how many rows were done, of *total* if that is known, as they are reported."""
    with _shown() as progress:
        task = progress.add_task(label, total=total)
        yield lambda rows: progress.advance(task, rows)


def _shown() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
