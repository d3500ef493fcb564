"""Progress of rows on a terminal; silent if stderr is not one."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

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


def _progress() -> "Progress":
    # Imported here, because most commands of a module that may show progress show none.
    from rich import progress as shown  # noqa: PLC0415  # slow
    from rich.console import Console  # noqa: PLC0415  # slow

    console = Console(stderr=True)
    return shown.Progress(
        shown.TextColumn("{task.description}"),
        shown.BarColumn(),
        shown.TextColumn("{task.completed:,.0f} rows"),
        shown.TimeElapsedColumn(),
        shown.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
