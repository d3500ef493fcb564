"""Everything that a book asks of PostgreSQL, on a temporary server with the schemas of packages."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.dumpers import Untyped
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords
from oadb.tools import schema
from oadb.tools.contract import comparison
from oadb.tools.dependencies import statement_uses
from oadb.tools.dependencies.uses import StatementUses
from oadb.tools.migrations import live_tables
from oadb.tools.migrations.migration_trial import TrialResult
from oadb.tools.migrations.script_folder import Migration
from oadb.tools.plans import planning, role_plans, unseen_work
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.plans.planning import Unplanned
from oadb.tools.plans.scaled_plans import SCALES, ScaledPlan
from oadb.tools.plans.sized_database import Sizing
from oadb.tools.review import catalog_facts, kept_trials, migration_effects, relation_sizes
from oadb.tools.review.further_effects import SchemaLinks
from oadb.tools.review.migration_model import MeasuredMigration
from oadb.tools.review.relation_sizes import RelationSizes
from oadb.tools.review.server_answers import Answer, StatementAsker
from oadb.tools.schema import SchemaObject

_PATIENCE = 30.0
"""Seconds for each answer of the server."""

Plans = dict[str, list[ScaledPlan | Unplanned]]
"""Of the forms of each statement, by ``key_of`` it."""


@dataclass(frozen=True, slots=True)
class AskedOnce:
    """What PostgreSQL says about a statement; without *uses*, it does not say who may run it."""

    answer: Answer
    uses: StatementUses | None = None
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ServerFindings:
    """What was asked.

    Attributes:
        statements: By ``key_of`` them.
        sizes: By scale, the most rows first.
        measured: By package and id, what migrations did.
    """

    objects: Sequence[SchemaObject]
    links: SchemaLinks
    statements: Mapping[str, AskedOnce]
    plans: Plans
    sizes: Mapping[int, RelationSizes]
    measured: Mapping[tuple[str, str], MeasuredMigration]


def key_of(declared: Declaration) -> str:
    """Return by what a declaration is known among those of all packages."""
    return f"{declared.__module__}.{declared.__name__}"


def ask(
    packages: Sequence[Package],
    schemas: Collection[str],
    sizes: Sizing,
    threads: Executor,
    is_tried: Callable[[Migration], bool] | None,
) -> ServerFindings:
    """Ask about statements, tables and migrations, each in a thread of its own.

    Args:
        is_tried: which migrations are tried out; None: all, unless it is known what they do.
    """
    dsn = sizes.copy("reviewed")
    objects, links = read_schema(dsn, schemas)
    tried = threads.submit(_tried, packages, sizes, is_tried)
    asked = threads.submit(_statements, packages, dsn)
    plans = _plans(packages, sizes)
    found, measured = _at_scales(sizes, [*schemas], tried.result())
    return ServerFindings(objects, links, asked.result(), plans, found, measured)


def _tried(
    packages: Sequence[Package], sizes: Sizing, is_tried: Callable[[Migration], bool] | None
) -> kept_trials.Results:
    """Return what migrations do on the schema of those before them."""
    if is_tried is not None:
        return migration_effects.try_out(sizes.blank("tried"), packages, is_tried)
    return kept_trials.of(
        packages, lambda: migration_effects.try_out(sizes.blank("tried"), packages, lambda _: True)
    )


def read_schema(dsn: Dsn, schemas: Iterable[str]) -> tuple[list[SchemaObject], SchemaLinks]:
    """Return the objects of schemas, and what links them."""
    names = [*schemas]
    with Database(Config(dsn=dsn)) as db:
        objects = db.transact(
            lambda tx: schema.read_present(tx, names), isolation="repeatable read", read_only=True
        )
        work = unseen_work.read(db)
        keys = (key for of_table in work.keys.values() for key in of_table)
        triggers = (trigger for of_table in work.triggers.values() for trigger in of_table)
        return objects, SchemaLinks(
            [each for each in keys if each.schema_name in names],
            [each for each in triggers if each.schema_name in names],
            catalog_facts.list_routine_texts(db, names),
        )


def _statements(packages: Sequence[Package], dsn: Dsn) -> dict[str, AskedOnce]:
    keywords = connection_keywords(dsn, {})
    with DirectConnection.to(keywords, seconds=_PATIENCE, context=Untyped()) as connection:
        asker = StatementAsker(connection)
        return {
            key_of(each.declared): _asked(asker, each.declared, each.uses)
            for each in statement_uses.ask(dsn, packages)
        }


def _asked(asker: StatementAsker, declared: Declaration, uses: object) -> AskedOnce:
    answer = asker.ask(declared)
    if not isinstance(uses, StatementUses):
        return AskedOnce(answer)
    return AskedOnce(answer, uses, tuple(asker.allowed_roles(uses)))


def _plans(packages: Sequence[Package], sizes: Sizing) -> Plans:
    forms = [
        (key_of(declared), PlacedStatement(package, place, form))
        for package in packages
        for place in package.places()
        for declared in comparison.declared_at(package, place)
        for form in planning.statements(declared)
    ]
    plans, _ = role_plans.plan_all(sizes.database, [form for _, form in forms])
    found: Plans = {}
    for (key, _), plan in zip(forms, plans, strict=True):
        found.setdefault(key, []).append(plan)
    return found


def _at_scales(
    sizes: Sizing, schemas: Sequence[str], tried: Mapping[tuple[str, str], TrialResult]
) -> tuple[dict[int, RelationSizes], dict[tuple[str, str], MeasuredMigration]]:
    """Return the sizes of relations at each scale, and what migrations do to tables of these."""
    dsns = {scale: sizes.database(scale) for scale in SCALES}
    with ExitStack() as stack:
        lives = {
            scale: stack.enter_context(live_tables.reading(dsn)) for scale, dsn in dsns.items()
        }
        found = {
            scale: relation_sizes.read(dsns[scale], live, schemas) for scale, live in lives.items()
        }
        weighed = {scale: (found[scale].tables, live) for scale, live in lives.items()}
        return found, migration_effects.measure(tried, weighed)
