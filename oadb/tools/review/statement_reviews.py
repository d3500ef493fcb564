"""The reviews of statements: declarations, files and PostgreSQL's answers in one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.descriptions import QueryDescription, ValueDescription, describe
from oadb.engine.binding.packages import Package
from oadb.tools.contract import comparison
from oadb.tools.dependencies import source_files
from oadb.tools.dependencies.code_references import CodeReferences
from oadb.tools.dependencies.uses import StatementUses
from oadb.tools.plans.planning import Unplanned
from oadb.tools.plans.scaled_plans import ScaledPlan
from oadb.tools.review import pasteable_sql, plan_reviews, statement_comments
from oadb.tools.review.book_model import (
    ColumnUse,
    FormReview,
    ParameterReview,
    ResultColumn,
    StatementReview,
)
from oadb.tools.review.declaration_texts import DeclarationTexts
from oadb.tools.review.file_history import Key, Revision
from oadb.tools.review.server_answers import Answer
from oadb.tools.review.server_questions import ServerFindings, key_of

_CARDINALITIES = {
    "one": "exactly one row",
    "optional": "at most one row",
    "many": "all rows",
    "page": "the rows of a page",
    "stream": "all rows, as they arrive",
    "affected": "the number of rows that it wrote",
    "nothing": "nothing",
}

_UNITS = (
    ("_ms", "milliseconds"),
    ("_seconds", "seconds"),
    ("_minutes", "minutes"),
    ("_days", "days"),
    ("_bytes", "bytes"),
    ("_kb", "kilobytes"),
)
"""What the end of a name says about a number."""

_TYPES = {
    "timedelta": "a span of time",
    "datetime": "a time with its zone",
    "bytes": "bytes",
}


@dataclass(frozen=True, slots=True)
class StatementSources:
    """Where the reviews of statements come from.

    Attributes:
        history: None without git.
    """

    server: ServerFindings
    references: CodeReferences
    history: Mapping[Key, Sequence[Revision]] | None


def review(packages: Sequence[Package], sources: StatementSources) -> Iterator[StatementReview]:
    """Yield the review of each statement of packages, in the order of the files.

    Raises:
        DeclarationError: declarations and files disagree.
    """
    for package in packages:
        texts = DeclarationTexts(source_files.folder_of(package).parent)
        for place in package.places():
            for declared in comparison.declared_at(package, place):
                declaration = texts.text(declared.__module__, declared.__name__)
                yield _review(package, place, declared, declaration, sources)


def _review(
    package: Package,
    place: str,
    declared: Declaration,
    declaration: str,
    sources: StatementSources,
) -> StatementReview:
    described, comment = describe(declared), statement_comments.read(declared.statement)
    asked = sources.server.statements[key_of(declared)]
    answer, uses = asked.answer, asked.uses
    plans = sources.server.plans.get(key_of(declared), ())
    return StatementReview(
        package=package.name,
        module=place,
        name=declared.__name__,
        label=described.label,
        path=described.path,
        line=described.line,
        declared_at=described.declared_at,
        comment=comment.prose,
        sql=declared.sql,
        declaration=declaration,
        is_read=described.is_read,
        is_repeatable=described.is_repeatable,
        cardinality=_CARDINALITIES[described.cardinality],
        scope=comment.scope,
        guards=(*described.guards, *comment.others),
        parameters=tuple(_parameters(declared, described, answer)),
        columns=tuple(_columns(described, answer)),
        forms=tuple(_forms(declared)),
        locks=answer.locks,
        fault=answer.fault,
        uses=sources.references.uses_of(key_of(declared)),
        history=_history(described.path, declared.__name__, sources),
        accesses=None if uses is None else tuple(_accesses(uses)),
        further=() if uses is None else sources.server.links.of_statement(uses),
        roles=asked.roles,
        plans=tuple(plan_reviews.review(each for each in plans if isinstance(each, ScaledPlan))),
        unplanned=_unplanned(plans),
    )


def _history(path: str, name: str, sources: StatementSources) -> tuple[Revision, ...] | None:
    if sources.history is None:
        return None
    return tuple(sources.history.get((Path(path).name, name), ()))


def _unplanned(plans: Sequence[ScaledPlan | Unplanned]) -> str:
    reasons = [each.text for each in plans if isinstance(each, Unplanned)]
    return "; ".join(dict.fromkeys(reasons))


def _accesses(uses: StatementUses) -> Iterator[ColumnUse]:
    """Yield the columns that a statement reads and writes, also through views."""
    for each in uses.tables:
        written = each.inserts | each.updates
        yield from (ColumnUse(each.table, name, is_written=False) for name in sorted(each.reads))
        yield from (ColumnUse(each.table, name, is_written=True) for name in sorted(written))
        if "delete" in each.commands or not each.reads | written:
            yield ColumnUse(each.table, "", is_written="delete" in each.commands)


def _forms(declared: Declaration) -> Iterator[FormReview]:
    """Yield what is sent: the text of a variant is that of the file without some of its lines."""
    yield from (FormReview(each.label) for each in declared.variants.values())
    if declared.array_form is not None:
        yield FormReview(declared.array_form.label, declared.array_form.sql)


def _parameters(
    declared: Declaration, described: QueryDescription, answer: Answer
) -> Iterator[ParameterReview]:
    """Yield the declared parameters, then those that are derived from them."""
    known = {each.name: each for each in described.parameters}
    for name in dict.fromkeys([*known, *answer.parameters]):
        value, kind = known.get(name), answer.parameters.get(name)
        choices = () if value is None else value.choices
        yield ParameterReview(
            name,
            "" if value is None else value.annotation,
            "" if kind is None else kind.shown,
            _meaning(value, declared),
            "" if kind is None else pasteable_sql.example(kind.name, choices),
        )


def _meaning(value: ValueDescription | None, declared: Declaration) -> str:
    if value is None:
        return "derived from the other arguments"
    rule = declared.kinds[value.name].rule
    if rule is not None:
        return rule.text
    unit = next((unit for end, unit in _UNITS if value.name.endswith(end)), "")
    if unit or value.choices:
        return unit or f"one of {', '.join(map(str, value.choices))}"
    return next((text for name, text in _TYPES.items() if name in value.annotation), "")


def _columns(described: QueryDescription, answer: Answer) -> Iterator[ResultColumn]:
    for number, each in enumerate(described.columns):
        found = answer.columns[number] if number < len(answer.columns) else None
        yield ResultColumn(
            each.name or (found.name if found else ""),
            each.annotation,
            found.postgres if found else "",
            found.source if found else "",
            found.nullability if found else "not known",
            found.why if found else "PostgreSQL was not asked",
        )
