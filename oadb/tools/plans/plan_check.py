"""Plans all statements of packages as the roles that run them; compares plans with their locks."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.plans import (
    growth_reasons,
    plan_lock,
    plan_text,
    role_plans,
    served_comments,
    unseen_plans,
    unseen_work,
)
from oadb.tools.plans.growth_reasons import Unbounded
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.plan_lock import Block, LockedPlan
from oadb.tools.plans.planning import Unplanned
from oadb.tools.plans.scaled_plans import SCALES, ScaledPlan
from oadb.tools.plans.served_comments import UnprovenIndex
from oadb.tools.plans.unseen_plans import UnservedKey

# Of a statement with more variants, blocks say less, so that many of them are the same.
_MOST_VARIANTS = 8

# What has no plan anywhere.
_NEVER = frozenset({"copy", "utility"})

Problem = Unbounded | Unplanned | UnprovenIndex | UnservedKey
"""A statement that grows without a reason, one that cannot be planned, an index in a comment that
is in none of the statement's plans, a foreign key without an index."""

Disagreement = LockedPlan | Problem
"""What a check finds: a problem, or a plan that is not the locked one."""


@dataclass(slots=True)
class PlannedFile:
    """The plans of one query file."""

    package: Package
    place: str
    plans: list[ScaledPlan] = field(default_factory=list[ScaledPlan])

    @property
    def blocks(self) -> dict[str, Block]:
        """The block of each statement, by its label; variants with the same plan share one."""
        counts = Counter(plan.statement.statement.name for plan in self.plans)
        found, alike = dict[str, Block](), dict[Block, list[Block]]()
        for plan in self.plans:
            is_brief = counts[plan.statement.statement.name] > _MOST_VARIANTS
            block = plan_text.block(plan, is_brief=is_brief)
            before = alike.setdefault(plan_text.without_numbers(block), [])
            same = (each for each in before if plan_text.is_same(each, block))
            found[plan.statement.label] = next(same, block) if is_brief else block
            before.append(found[plan.statement.label])
        return found


@dataclass(frozen=True, slots=True)
class PlannedPackages:
    """The plans of packages.

    Attributes:
        unplanned: Statements that should have a plan, and have none.
        unproven: Indexes that comments name wrongly.
        unserved: Foreign keys that no index serves.
    """

    files: tuple[PlannedFile, ...]
    unplanned: tuple[Unplanned, ...]
    unproven: tuple[UnprovenIndex, ...]
    unserved: tuple[UnservedKey, ...]

    def write(self) -> None:
        """Write the locks, and delete those of query files that are gone.

        Raises:
            UsageError: a package is in a zip file.
        """
        for file in self.files:
            path = plan_lock.path_of(file.package, file.place)
            queries = file.package.query_file(file.place)[1]
            before = plan_lock.read(path)
            plan_lock.write(path, queries, plan_lock.kept(before, file.blocks))
        for package in {file.package for file in self.files}:
            for path in plan_lock.strays(package):
                path.unlink()

    def check(self) -> Iterator[Disagreement]:
        """Yield what disagrees with the locks, and what grows without a reason.

        Raises:
            UsageError: a package is in a zip file.
        """
        yield from self.problems()
        for file in self.files:
            shown = plan_lock.shown_path(file.package, file.place)
            before = plan_lock.read(plan_lock.path_of(file.package, file.place))
            yield from plan_lock.compare(shown, before, file.blocks)
        for package in {file.package for file in self.files}:
            for path in plan_lock.strays(package):
                yield from plan_lock.compare(str(path), plan_lock.read(path), {})

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong whatever the locks say."""
        yield from self.unplanned
        yield from self.unproven
        yield from self.unserved
        for file in self.files:
            yield from growth_reasons.unbounded(file.plans)


def plan(database: Callable[[int], Dsn], statements: Sequence[PlacedStatement]) -> PlannedPackages:
    """Plan statements.

    Args:
        database: gives the database of a scale.

    Raises:
        ConfigError: a package's ``uses.toml`` is not valid.
    """
    planned, refused = role_plans.plan_all(database, statements)
    target = database(SCALES[0])
    with Database(Config(target)) as db:
        work = unseen_work.read(db)
    found = unseen_plans.with_unseen(work, target, statements, planned)
    unplanned = [
        each for each in found if isinstance(each, Unplanned) and each.reason not in _NEVER
    ]
    files = {
        key: PlannedFile(*key)
        for key in dict.fromkeys((each.package, each.place) for each in statements)
    }
    for each, of_each in zip(statements, found, strict=True):
        if isinstance(of_each, ScaledPlan):
            files[each.package, each.place].plans.append(of_each)
    plans = (plan for file in files.values() for plan in file.plans)
    unproven = served_comments.unproven(database, plans)
    unserved = unseen_plans.unserved(work)
    return PlannedPackages(
        tuple(files.values()), (*unplanned, *refused), (*unproven,), (*unserved,)
    )
