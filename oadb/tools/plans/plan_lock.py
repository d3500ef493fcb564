"""The lock of plans: files beside the queries that say how PostgreSQL runs each statement.

    sql/queries/accounts/users.sql      the statements
    sql/plans/accounts/users.plan       their plans, written by oadb plan --write

A file has a block for each plan, below the labels of the statements and variants that have it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from oadb.engine.binding.packages import Package
from oadb.tools.plans import plan_text
from oadb.tools.usage import UsageError

Block = tuple[str, ...]

_HEADING = """\
# Plans of {path} where the largest tables have 10^9 rows.
# Written by oadb plan --write, compared by oadb plan --check; docs/plans.md explains it.
"""


@dataclass(frozen=True, slots=True)
class LockedPlan:
    """What differs from a lock: statements with the same plans before and now.

    Attributes:
        path: Of the file with the lock.
        before: None if the lock has no block for them.
        now: None if there are no such statements.
    """

    path: str
    labels: tuple[str, ...]
    before: Block | None
    now: Block | None

    def __str__(self) -> str:
        """Return it as lines: what it is about, and both plans as a diff."""
        names = "\n".join(self.labels)
        if self.now is None:
            return f"{self.path}: {names}: there is no such statement, or it has no plan any more"
        if self.before is None:
            return f"{names}\n  is not in {self.path}; its plan is:\n{_indented(self.now)}"
        lines = unified_diff(self.before, self.now, n=len(self.before) + len(self.now), lineterm="")
        changes = [*lines][3:]
        return f"{names}\n  has another plan than in {self.path}:\n{_indented(changes)}"


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def path_of(package: Package, place: str) -> Path:
    """Return the file with the plans of a query file; it need not exist.

    Raises:
        UsageError: the package is in a zip file.
    """
    if not isinstance(package.sql, Path):
        raise UsageError(f"{package.name} is no folder, so it has no files of plans")
    return package.sql / "plans" / f"{place}.plan"


def shown_path(package: Package, place: str) -> str:
    """Return how messages name the file with the plans of a query file."""
    return f"{package.shown}/plans/{place}.plan"


def strays(package: Package) -> Iterator[Path]:
    """Yield files of plans that no query file has."""
    folder = path_of(package, "")
    known = {path_of(package, place) for place in package.places()}
    yield from sorted({*folder.parent.rglob("*.plan")} - known)


def read(path: Path) -> dict[str, Block]:
    """Return the blocks of a file by label; none if there is no such file."""
    found: dict[str, Block] = {}
    labels: list[str] = []
    lines: list[str] = []
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("    "):
            lines.append(line.removeprefix("    "))
        elif line and not line.startswith("#"):
            labels.append(line)
        elif labels and not line:
            found.update(dict.fromkeys(labels, tuple(lines)))
            labels, lines = [], []
    return found


def write(path: Path, queries: str, blocks: Mapping[str, Block]) -> None:
    """Write the blocks of a file, those with the same plan as one; without blocks, delete it.

    Args:
        queries: how the query file is named.
    """
    if not blocks:
        path.unlink(missing_ok=True)
        return
    parts = [_HEADING.format(path=queries)]
    for block, labels in _grouped(blocks).items():
        lines = [*labels, *(f"    {line}" for line in block), ""]
        parts.append("\n".join(lines))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")


def kept(before: Mapping[str, Block], now: Mapping[str, Block]) -> dict[str, Block]:
    """Return the blocks of now, or of before where only numbers differ a little."""
    return {
        label: before[label]
        if label in before and plan_text.is_same(before[label], block)
        else block
        for label, block in now.items()
    }


def compare(
    path: str, before: Mapping[str, Block], now: Mapping[str, Block]
) -> Iterator[LockedPlan]:
    """Yield what differs between a lock and the plans of now."""
    differing: dict[tuple[Block | None, Block | None], list[str]] = {}
    for label in {**before, **now}:
        pair = before.get(label), now.get(label)
        if pair[0] is None or pair[1] is None or not plan_text.is_same(*pair):  # type: ignore[arg-type]  # neither is None there
            differing.setdefault(pair, []).append(label)
    for (was, is_now), labels in differing.items():
        yield LockedPlan(path, tuple(labels), was, is_now)


def _grouped(blocks: Mapping[str, Block]) -> dict[Block, list[str]]:
    found: dict[Block, list[str]] = {}
    for label, block in blocks.items():
        found.setdefault(block, []).append(label)
    return found
