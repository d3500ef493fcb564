"""A declared statement: its parameters, its result, and the SQL that it is bound to."""

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, Literal, Self, get_type_hints

from oadb.engine.binding import arrays, copies, effects, guards, results
from oadb.engine.binding.annotations import value_type
from oadb.engine.binding.arguments import Parameters, Shape
from oadb.engine.binding.derived import Derivation
from oadb.engine.binding.disagreements import unmatched, unusual
from oadb.engine.binding.guards import Guards
from oadb.engine.binding.sendable_texts import unsendable
from oadb.engine.binding.statements import Statement
from oadb.engine.binding.values import ValueType
from oadb.engine.binding.variants import Variants, picking
from oadb.engine.observing import StatementKind
from oadb.errors import DeclarationError, ParameterError


class Declaration:
    """A declared statement: the common part of Query and Stream."""

    statement: Statement
    result: results.Result
    make: Callable[[Any], Any]
    make_all: Callable[[list[Any]], list[Any]]
    fetches: bool
    shape_result: Callable[[str, list[Any], int, tuple[Any, ...]], Any]
    # Returns the values of a call in the form in which they are sent; None: as they are.
    pick: arrays.Pick | None = None
    # Returns the values of positional and named arguments in the order of the placeholders.
    arguments: Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...]]
    _declared: Parameters
    _derivation: Derivation
    # Chooses among the variants; None if there are none.
    choice: Variants | None = None
    # What encodes the rows of a COPY, and the types that those of another are read as.
    row_encoder: copies.RowEncoder | None = None
    row_types: list[str] | None = None
    # The form for many rows; see ``array_forms``.
    array_form: "Declaration | None" = None

    def __init__(self, function: Callable[..., Any], module: str) -> None:
        self._function = function
        self.wire_sql = b""
        # The characters that the server sees before it.
        self.prefix = 0
        self.label, self.is_judged = f"{module}.{function.__name__}", False
        self.misplacement = ""  # why no replica may run it; empty if one may
        self.is_copy = self.is_read = self.is_repeatable = self.takes_blocks = False
        # How ``execution`` runs it, if not as a plain statement.
        self.special: Literal["copy", "guards"] | None = None
        self.arguments = self._refuse
        self.guards = Guards()
        self.kinds: dict[str, ValueType] = {}
        self.parameters: dict[str, ValueType] = {}
        self._variants: dict[tuple[Any, ...], Declaration] = {}
        self.__name__ = self.__qualname__ = function.__name__
        self.__module__ = function.__module__

    def __get__(self, instance: object, owner: type | None = None) -> "Declaration":
        """Return itself: ``help()`` treats an object with this method as a function."""
        return self

    def __repr__(self) -> str:
        """Return its name."""
        return f"<query {self.label}>"

    @property
    def sql(self) -> str:
        """The text as it stands in its file; that of a variant has its lines only."""
        return self.statement.source

    @property
    def place(self) -> str:
        """Where it is declared: ``oadb.users:34``."""
        return f"{self.__module__}:{self._function.__code__.co_firstlineno}"

    @property
    def observed_label(self) -> str:
        """What observers call it."""
        return self.label

    @property
    def kind(self) -> StatementKind:
        """How it runs, for observers."""
        if self.is_copy or self.result.cardinality == "stream":
            return "copy" if self.is_copy else "stream"
        return "read" if self.is_read else "write"

    @property
    def source_place(self) -> str:
        """File and line of its SQL."""
        return f"{self.statement.path}:{self.statement.line}"

    def place_at(self, position: int) -> str:
        """Return file and line of a *position* as the server reports it, counted from 1."""
        line = self.statement.line_at(position - self.prefix)
        return f"{self.statement.path}:{line}"

    def bind(self, statement: Statement) -> list[str]:
        """Bind to *statement*, and return every disagreement with it."""
        signature = inspect.signature(self._function)
        try:
            hints = get_type_hints(self._function, include_extras=True)
        except NameError as error:
            return [f"an annotation cannot be evaluated: {error}"]
        self.classify(statement)
        names = [] if self.is_copy else list(signature.parameters)
        problems = [
            *unusual(signature),
            *self._read_parameters(names, hints),
            *self._read_result(hints.get("return", signature.empty)),
        ]
        self.statement = statement
        if not problems:
            problems = self._derive(statement)
        if not problems:
            problems = self._read_guards(statement)
        if self.is_copy and not problems:
            problems = self._read_copy(signature, hints, statement)
        if not problems:
            self._complete(signature)
        return problems

    def classify(self, statement: Statement) -> None:
        """Say what kind of statement it is, and whether it may be repeated."""
        self.is_copy = statement.words[:1] == ("copy",)
        self.is_read = effects.is_read(statement)
        self.is_repeatable = effects.is_repeatable(statement)
        self.misplacement = effects.misplacement(statement)

    def _derive(self, statement: Statement) -> list[str]:
        """Compare the parameters with those of the SQL, and put these in order."""
        derivation = Derivation(self.label, self.kinds, statement.params, self.result)
        self._derivation, self.parameters = derivation, derivation.types
        self.statement = statement.with_params(derivation.names)
        problems = derivation.problems
        used = {*statement.params}
        if statement.marked and not problems and not self.is_copy:
            self.choice = Variants(self.statement, self.kinds, derivation.names)
            problems = self.choice.problems
            used |= self.choice.conditions
        return [*unmatched(derivation.names, used), *problems]

    def _read_guards(self, statement: Statement) -> list[str]:
        self.guards = guards.read(statement.doc)
        unfit = self.guards.misfits(
            self.result.cardinality, is_read=self.is_read, is_copy=self.is_copy
        )
        return [*self.guards.problems, *unfit]

    def _complete(self, signature: inspect.Signature) -> None:
        """Make the declaration ready to be called."""
        self.wire_sql = self.statement.sql
        self.pick = arrays.sending(self.parameters.values())
        self.is_judged = self.guards.expects is not None and not self.is_read
        if self.is_copy or self.guards.needs_setup or self.is_judged:
            self.special = "copy" if self.is_copy else "guards"
        self.make, self.make_all = self.result.makers(self.label)
        self.fetches = self.result.fetches
        paging = self._derivation.paging
        self.shape_result = self.result.shape_result if paging is None else paging.shape
        if self.guards.most_rows is not None:
            self.shape_result = partial(results.at_most, self.guards.most_rows)
        if self.guards.expects is not None:
            self.shape_result = partial(results.expected, self.guards.expects, self.shape_result)
        self._declared = Parameters(self.label, signature, self.kinds)
        derives = self._derivation.is_needed
        self.arguments = self._derived_arguments if derives else self._declared.values
        if self.guards.deprecated is not None:
            self.arguments = partial(self._warned, self.arguments)
        self._document(signature)

    @property
    def variants(self) -> dict[tuple[Any, ...], "Declaration"]:
        """The declaration of each variant, which runs like any other; none without marks."""
        choice = self.choice
        if choice is None:
            return {}
        return {key: self._variants.get(key) or self._variant(choice, key) for key in choice.keys}

    @property
    def forms(self) -> "list[Declaration]":
        """What is sent for it besides itself: its variants, and the form for many rows."""
        return [*self.variants.values(), *([self.array_form] if self.array_form else [])]

    def _variant(self, choice: Variants, key: tuple[Any, ...]) -> Self:
        """Make the declaration of a variant, and keep it.

        Raises:
            ParameterError: the statement says that it is not needed.
        """
        statement = choice.statement(key)
        variant = copy(self)
        variant.choice = None
        variant.statement, variant.label = statement, statement.label
        variant.wire_sql = statement.sql
        variant.parameters = {name: self.parameters[name] for name in statement.params}
        picked = picking([*map([*self.parameters].index, statement.params)])
        variant.pick = arrays.sending(variant.parameters.values(), picked)
        self._variants[key] = variant
        return variant

    def latest(self) -> "Declaration":
        """Return itself; in development, bound to its file as that stands now."""
        return self

    def chosen(self, values: tuple[Any, ...]) -> "Declaration":
        """Return what a call runs: this declaration, or its variant for these values.

        Raises:
            ParameterError: the statement says that these are not given together.
        """
        if self.choice is None:
            return self
        key = self.choice.key(values)
        return self._variants.get(key) or self._variant(self.choice, key)

    def _read_parameters(self, names: list[str], hints: Mapping[str, Any]) -> list[str]:
        kinds = {name: value_type(hints.get(name)) for name in names}
        self.kinds = {name: kind for name, kind in kinds.items() if kind is not None}
        return [
            f"{name} has no annotation of a value type" for name in names if name not in self.kinds
        ]

    def _read_result(self, annotation: Any) -> list[str]:
        if annotation is inspect.Signature.empty:
            return ["it has no return annotation"]
        try:
            self.result = results.read(annotation)
        except TypeError as error:
            return [str(error)]
        unknown = [name for name, kind in self.result.fields.items() if kind is None]
        return [f"the field {name} of its row has no value type" for name in unknown]

    def _read_copy(
        self, signature: inspect.Signature, hints: Mapping[str, Any], statement: Statement
    ) -> list[str]:
        """Compare the direction of a COPY, and its rows, with its declaration."""
        problems = copies.misfits(statement, len(signature.parameters), self.result)
        if problems:
            return problems
        if "stdin" in statement.words:
            given = {name: hints.get(name) for name in signature.parameters}
            self.takes_blocks = Iterable[bytes] in given.values()
            self.row_encoder, problems = copies.row_encoder(self.label, given, statement)
            return problems
        if self.result.value == ValueType(bytes):
            return []
        self.row_types = copies.row_types(self.result)
        return copies.format_problems(statement)

    def _document(self, signature: inspect.Signature) -> None:
        executor = inspect.Parameter("db", inspect.Parameter.POSITIONAL_ONLY)
        self.__signature__ = signature.replace(
            parameters=[executor, *signature.parameters.values()]
        )
        place = f"{self.statement.path}:{self.statement.line}"
        # The comment above the SQL is written for its reviewers.
        written = inspect.getdoc(self._function)
        limits = "\n".join(self.guards.lines) if written else ""
        self.__doc__ = "\n\n".join(filter(None, (written or self.statement.doc, limits, place)))

    def _refuse(self, *_: object) -> tuple[Any, ...]:
        raise DeclarationError(
            f"{self.label} is not bound: end {self.__module__} with query.complete()"
        )

    def _warned(
        self, arguments: Callable[..., tuple[Any, ...]], args: tuple[Any, ...], kwargs: Any
    ) -> tuple[Any, ...]:
        text = f"{self.label} is deprecated: {self.guards.deprecated}"
        warnings.warn(text, DeprecationWarning, stacklevel=3)
        return arguments(args, kwargs)

    def _derived_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        return self._derivation.values(self._declared.values(args, kwargs))

    @property
    def shape(self) -> Shape | None:
        """What its arguments are, if they are sent as they are; see ``Parameters``."""
        is_plain = self.choice is None and self.arguments == self._declared.values
        return self._declared.shape if is_plain else None

    def fit(self, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Say whether the values of many rows can be sent as they are; see ``Parameters``."""
        return self.arguments == self._declared.values and self._declared.fit(rows)

    def unsendable(self, values: tuple[Any, ...]) -> ParameterError:
        """Return the error that names the parameter whose value cannot be sent as text."""
        for name, value in zip(self.parameters, values, strict=False):
            reason = unsendable(value)
            if reason is not None:
                return ParameterError(f"{self.label}: {name} holds {reason}")
        return ParameterError(f"{self.label}: a value cannot be sent; expected text")
