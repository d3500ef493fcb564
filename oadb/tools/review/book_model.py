"""The review book as data: what its pages show, in plain texts that ``book_pages`` escapes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from oadb.tools.dependencies.code_references import CodeUses
from oadb.tools.plans.growth import Growth
from oadb.tools.plans.unseen_work import CheckedKey
from oadb.tools.review.file_history import Revision
from oadb.tools.review.further_effects import FurtherEffect
from oadb.tools.review.migration_model import MigrationReview, ReleaseDisagreement
from oadb.tools.review.plan_model import PlanReview

_GROWTHS = [str(each) for each in Growth]


@dataclass(frozen=True, slots=True)
class ParameterReview:
    """A parameter of a statement.

    Attributes:
        annotation: Its Python type.
        postgres: The type that the server infers; empty if it is derived into others.
        meaning: Its unit or its rule, where there is one.
        example: Its value as an SQL literal, for psql.
    """

    name: str
    annotation: str
    postgres: str
    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column that a statement returns.

    Attributes:
        source: The column of a table that it is; empty for an expression.
        nullability: ``never null``, ``may be null`` or ``not known``.
        why: What says so.
    """

    name: str
    annotation: str
    postgres: str
    source: str
    nullability: str
    why: str


@dataclass(frozen=True, slots=True)
class LockReview:
    """A lock on a table or view that a statement takes, and what it keeps waiting."""

    relation: str
    mode: str
    blocks: str


@dataclass(frozen=True, slots=True)
class FormReview:
    """A text that is sent for a statement: a variant of it, or its form for many rows.

    Attributes:
        sql: Of the form for many rows alone; the lines of a variant are those of the statement.
    """

    label: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """What a statement does with a column of a table; *column* is empty for the table itself."""

    table: str
    column: str
    is_written: bool


@dataclass(frozen=True, slots=True)
class StatementReview:
    """All about a statement.

    Attributes:
        module: The place of its file, such as ``accounts/users``.
        comment: What stands above it, without the lines of guards and scope.
        declaration: The Python that declares it, and the class of its rows.
        cardinality: How many rows it returns, in words.
        scope: Whose rows it reads: what its comment says, or the owner that it names.
        fault: Why the server refuses to prepare it; then types and locks are not known.
        accesses: The columns of tables that it reads and writes; None: not known.
        further: What foreign keys, triggers and functions do besides.
        roles: Those that may run it; None: not known.
        unplanned: Why some of its forms have no plan.
    """

    package: str
    module: str
    name: str
    label: str
    path: str
    line: int
    declared_at: str
    comment: str
    sql: str
    declaration: str
    is_read: bool
    is_repeatable: bool
    cardinality: str
    scope: str
    guards: tuple[str, ...]
    parameters: tuple[ParameterReview, ...]
    columns: tuple[ResultColumn, ...]
    forms: tuple[FormReview, ...]
    locks: tuple[LockReview, ...]
    fault: str
    uses: CodeUses
    history: tuple[Revision, ...] | None
    accesses: tuple[ColumnUse, ...] | None = None
    further: tuple[FurtherEffect, ...] = ()
    roles: tuple[str, ...] | None = None
    plans: tuple[PlanReview, ...] = ()
    unplanned: str = ""

    @property
    def sentence(self) -> str:
        """The first sentence of its comment."""
        return first_sentence(self.comment)

    @property
    def growth(self) -> str:
        """How its cost grows with its tables, in the worst of its forms; empty: not known."""
        known = [each.growth for each in self.plans]
        return max(known, key=_GROWTHS.index, default="")


@dataclass(frozen=True, slots=True)
class TableColumnReview:
    """A column of a table; *definition* is its type and all that stands behind it."""

    name: str
    definition: str
    comment: str
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexReview:
    """An index, and the labels of the statements whose plans use it.

    Attributes:
        sizes: Its bytes at each scale of the sizes of its table.
    """

    name: str
    definition: str
    used_by: tuple[str, ...]
    sizes: tuple[int, ...] = ()

    @property
    def is_unused(self) -> bool:
        """Whether no plan of a statement uses it, and it is no rule."""
        return not self.used_by and self.definition.lower().startswith("create index")


@dataclass(frozen=True, slots=True)
class ScaledSize:
    """The simulated size of a table where the largest tables have *scale* rows.

    Attributes:
        rows: None: not known.
        bytes: Without indexes; *index_bytes* are those of all of them.
        parts: Its partitions with files; 1 if it has none.
    """

    scale: int
    rows: int | None
    bytes: int
    index_bytes: int
    parts: int


@dataclass(frozen=True, slots=True)
class TableReview:
    """All about a table or a view.

    Attributes:
        kind: ``table``, ``view`` or ``materialized view``.
        definition: As SQL.
        triggers: Their names, definitions, and what they do.
        retention: How long its rows are kept, and with what they go; empty if nothing says it.
        deleters: The labels of the statements that delete its rows.
        sizes: At each scale, the most rows first; none of a view.
        statements: The labels of those that use it, with what they do: ``reads`` or ``writes``.
    """

    package: str
    name: str
    kind: str
    comment: str
    definition: str
    columns: tuple[TableColumnReview, ...]
    constraints: tuple[tuple[str, str], ...]
    indexes: tuple[IndexReview, ...]
    policies: tuple[tuple[str, str], ...]
    grants: tuple[str, ...]
    triggers: tuple[tuple[str, str, str], ...]
    foreign_keys: tuple[CheckedKey, ...]
    retention: str
    statements: tuple[tuple[str, str], ...] = ()
    deleters: tuple[str, ...] = ()
    sizes: tuple[ScaledSize, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewedChange:
    """What became of a page's subject since the base revision.

    Attributes:
        kind: ``statement``, ``table`` or ``migration``.
        what: ``added``, ``changed`` or ``removed``.
        parts: What differs, as pairs of texts: title, old and new.
    """

    kind: str
    package: str
    name: str
    what: str
    parts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the pages show.

    Attributes:
        revision: The commit that the files are at; empty without git.
        base: The revision with which everything was compared; empty: not compared.
        changes: What changed since the base.
        disagreements: What does not go together of the code of one and the schema of the other.
    """

    title: str
    revision: str
    packages: tuple[str, ...]
    statements: tuple[StatementReview, ...]
    tables: tuple[TableReview, ...]
    migrations: tuple[MigrationReview, ...]
    base: str = ""
    changes: Sequence[ReviewedChange] = field(default=())
    disagreements: tuple[ReleaseDisagreement, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether old and new code cannot run side by side while it is deployed."""
        return any(each.is_refused for each in self.disagreements)


def first_sentence(text: str) -> str:
    """Return the first sentence of a text, in one line."""
    joined = " ".join(text.split())
    end = joined.find(". ")
    return joined if end < 0 else joined[: end + 1]
