"""Declarations: a typed function without a body, bound to the statement of the same name.

    query = queries("users")

    @query
    def find_by_email(email: str) -> User | None: ...

    query.complete()

The return annotation says how many rows there are and what each becomes; see ``results``.
``complete`` compares the module with its SQL file and reports every disagreement at once.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, get_origin, get_type_hints, overload

from oadb.engine import results
from oadb.engine.executors import AsyncExecutor, Executor, Runner
from oadb.engine.statements import Statement, load
from oadb.engine.values import ValueType, unsendable, value_type
from oadb.errors import DeclarationError, ParameterError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# A statement with one of these words is taken for a write. The functions are those that change
# something although a SELECT calls them; the contract check looks for others.
_WRITES = frozenset(
    {
        "analyze", "copy", "delete", "insert", "merge", "update",
        "nextval", "pg_cancel_backend", "pg_notify", "pg_terminate_backend", "set_config", "setval",
        "pg_advisory_lock", "pg_advisory_unlock", "pg_advisory_xact_lock",
        "pg_try_advisory_lock", "pg_try_advisory_xact_lock",
    }
)  # fmt: skip


class Declared:
    """A declared statement: what Query and Stream have in common."""

    statement: Statement
    result: results.Result
    make: Callable[[Any], Any]
    fetches: bool

    def __init__(self, function: Callable[..., Any], queries: "Queries") -> None:
        self._queries = queries
        self._function = function
        self._exact: tuple[frozenset[type], ...] = ()
        self.sql = b""
        self.label = f"{queries.module}.{function.__name__}"
        self.is_copy = self.is_read = False
        self.parameters: dict[str, ValueType] = {}
        self.__name__ = self.__qualname__ = function.__name__
        self.__module__ = function.__module__

    def __get__(self, instance: object, owner: type | None = None) -> "Declared":
        """Return itself; having this method makes ``help()`` treat it as the function it is."""
        return self

    def __repr__(self) -> str:
        """Return its name."""
        return f"<query {self.label}>"

    def row_factory(self, _cursor: Any) -> Callable[[Any], Any]:
        """Return what makes rows, the way that psycopg's cursors ask for it."""
        return self.make

    @property
    def preamble(self) -> int:
        """How many characters the server sees before ``sql``."""
        return 0

    @property
    def place(self) -> str:
        """Where it is declared: ``oadb.users:34``."""
        return f"{self.__module__}:{self._function.__code__.co_firstlineno}"

    def bind(self, statement: Statement) -> list[str]:
        """Bind to *statement*; return what does not fit."""
        signature = inspect.signature(self._function)
        try:
            hints = get_type_hints(self._function)
        except NameError as error:
            return [f"its annotations name something unknown: {error}"]
        self.is_copy = statement.words[:1] == ("copy",)
        self.is_read = _WRITES.isdisjoint(statement.words)
        names = [] if self.is_copy else list(signature.parameters)
        problems = [
            *_unmatched(names, statement.params),
            *_unusual(signature),
            *self._read_parameters(names, hints),
            *self._read_result(hints.get("return", signature.empty)),
        ]
        if self.is_copy and not problems:
            problems = self._read_copy(signature, statement)
        self.statement = statement.with_params(names)
        if not problems:
            self.sql = self.statement.sql
            self.make = self.result.make
            self.fetches = self.result.fetches
            self._exact = tuple(known.exact for known in self.parameters.values())
            self._document(signature)
        return problems

    def _read_parameters(self, names: list[str], hints: Mapping[str, Any]) -> list[str]:
        known = {name: value_type(hints.get(name)) for name in names}
        self.parameters = {name: kind for name, kind in known.items() if kind is not None}
        return [
            f"{name} has no annotation that a value can have"
            for name in names
            if name not in self.parameters
        ]

    def _read_result(self, annotation: Any) -> list[str]:
        if annotation is inspect.Signature.empty:
            return ["it has no return annotation"]
        try:
            self.result = results.read(annotation)
        except TypeError as error:
            return [str(error)]
        unknown = [name for name, kind in self.result.fields.items() if kind is None]
        return [f"no column can be the field {name} of its row" for name in unknown]

    def _read_copy(self, signature: inspect.Signature, statement: Statement) -> list[str]:
        """Compare the direction of a COPY with what is declared."""
        shape = (len(signature.parameters), self.result.cardinality)
        if "stdin" in statement.words:
            fits = shape in {(1, "affected"), (1, "nothing")}
            return [] if fits else ["a COPY from stdin takes one iterable and returns Affected"]
        fits = shape == (0, "stream") and self.result.value == ValueType(bytes)
        return [] if fits else ["a COPY to stdout takes nothing and returns Iterator[bytes]"]

    def _document(self, signature: inspect.Signature) -> None:
        executor = inspect.Parameter("db", inspect.Parameter.POSITIONAL_ONLY)
        self.__signature__ = signature.replace(
            parameters=[executor, *signature.parameters.values()]
        )
        self.__doc__ = f"{self.statement.doc}\n\n{self.statement.path}:{self.statement.line}"

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values in the order of the placeholders. Raises ParameterError, TypeError."""
        if kwargs or len(args) != len(self._exact) or not self.sql:
            args = self._by_name(args, kwargs)
        for value, exact in zip(args, self._exact, strict=False):
            if type(value) not in exact:
                self._look_closely(args)
                break
        return args

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not self.sql:
            raise DeclarationError(
                f"{self.label} is not bound: end {self.__module__} with query.complete()"
            )
        missing = [*self.parameters][len(args) :]
        if missing and kwargs.keys() == set(missing):
            return (*args, *map(kwargs.__getitem__, missing))
        # Defaults, and Python's own errors for a wrong call.
        bound = inspect.signature(self._function).bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def _look_closely(self, values: tuple[Any, ...]) -> None:
        for (name, expected), value in zip(self.parameters.items(), values, strict=False):
            if not expected.accepts(value):
                raise ParameterError(
                    f"{self.label}: {name} must be {expected}, not {type(value).__name__}"
                )

    def unsendable(self, values: tuple[Any, ...]) -> ParameterError:
        """Return the error that names the value which cannot be sent as text."""
        for name, value in zip(self.parameters, values, strict=False):
            reason = unsendable(value)
            if reason is not None:
                return ParameterError(f"{self.label}: {name} holds {reason}")
        return ParameterError(f"{self.label}: a value cannot be sent")


class Query(Declared, Generic[P, R]):
    """A declared statement: call it with an executor and its parameters."""

    @overload
    def __call__(self, db: Runner, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    def __call__(self, db: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run it; over an async executor, return the coroutine that runs it."""
        return db.run(self, self.arguments(args, kwargs))


class Stream(Declared, Generic[P, T]):
    """A declared statement whose rows are yielded as they arrive."""

    cursor_name = "oadb_stream_"

    @property
    def preamble(self) -> int:
        """How many characters the server sees before ``sql``: what declares its cursor."""
        return 0 if self.is_copy else len(f'DECLARE "{self.cursor_name}000000001" CURSOR FOR ')

    @overload
    def __call__(
        self, db: Executor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, None, None]: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]: ...
    def __call__(self, db: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run it and iterate over its rows; close the iterator if you stop early."""
        return db.stream(self, self.arguments(args, kwargs))


class Queries:
    """The declarations of one module, and the decorator that makes them."""

    def __init__(self, module: str, statements: Mapping[str, Statement]) -> None:
        self.module = module
        self._statements = statements
        self._declared: list[Declared] = []

    @overload
    def __call__(self, function: Callable[P, Iterator[T]]) -> Stream[P, T]: ...  # type: ignore[overload-overlap]  # an Iterator is also an R; the first match wins
    @overload
    def __call__(self, function: Callable[P, R]) -> Query[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> Any:
        """Declare *function*; its body stays empty."""
        returns = inspect.signature(function).return_annotation
        streams = get_origin(returns) is Iterator or str(returns).startswith("Iterator[")
        declared: Declared = (
            Stream[..., Any](function, self) if streams else Query[..., Any](function, self)
        )
        self._declared.append(declared)
        return declared

    def __iter__(self) -> Iterator[Declared]:
        """Iterate over the declarations."""
        return iter(self._declared)

    def complete(self) -> None:
        """Bind every declaration. Raises DeclarationError listing every disagreement."""
        names = [declared.__name__ for declared in self._declared]
        problems = [
            f"{statement.path}:{statement.line}: {statement.label} is declared nowhere"
            for name, statement in self._statements.items()
            if name not in names
        ]
        problems += [
            f"{declared.place}: {declared.label} is declared twice"
            for number, declared in enumerate(self._declared)
            if declared.__name__ in names[:number]
        ]
        for declared in self._declared:
            problems += self._bind(declared)
        if problems:
            raise DeclarationError("\n".join(problems))

    def _bind(self, declared: Declared) -> list[str]:
        statement = self._statements.get(declared.__name__)
        if statement is None:
            wanted = f"-- name: {declared.__name__} in sql/queries/{self.module}.sql"
            return [f"{declared.place}: {declared.label} has no statement; write {wanted}"]
        where = f"{declared.place} and {statement.path}:{statement.line} disagree"
        return [f"{where}: {declared.label}: {problem}" for problem in declared.bind(statement)]


def queries(module: str) -> Queries:
    """Read ``sql/queries/<module>.sql`` and return the decorator for its declarations.

    Raises DeclarationError listing every problem of the file.
    """
    return Queries(module, load(module))


def _unusual(signature: inspect.Signature) -> list[str]:
    """Report parameters that could not be given by position."""
    return [
        f"{name} must be an ordinary parameter"
        for name, parameter in signature.parameters.items()
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]


def _unmatched(names: list[str], used: tuple[str, ...]) -> list[str]:
    return [
        *(f":{name} is not a parameter" for name in used if name not in names),
        *(f"{name} is not in the SQL" for name in names if name not in used),
    ]
