"""Progress of rows on a terminal; silent if stderr is not one."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

# The number of rows after which the display is updated.
_TICK = 500


class Watch(Protocol):
    """Passes rows of any type through and counts them."""

    def __call__(self, rows: Iterable[T], /) -> Iterator[T]:
        """Yield the rows unchanged."""
        ...


@contextmanager
def watching(label: str) -> Generator[Watch]:
    """Show how many rows have passed through the Watch."""
    with _progress() as progress:

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
    """Show how many rows are done, of *total* if it is known: call the result with each number."""
    with _progress() as progress:
        task = progress.add_task(label, total=total)
        yield lambda rows: progress.advance(task, rows)


def _progress() -> Progress:
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
