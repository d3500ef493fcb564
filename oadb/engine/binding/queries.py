"""Declarations: a typed function without a body, bound to the statement of the same name.

    query = queries(__name__)

    @query
    def find_by_email(email: str) -> User | None: ...

    query.complete()

The return annotation says how many rows there are and what each becomes; see ``results``.
``complete`` compares the declarations with the SQL file and reports every disagreement at once.
"""

from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Generic, ParamSpec, TypeVar, get_origin, overload

from oadb.engine.batches import BatchedCalls, Pending
from oadb.engine.binding import array_forms, many, plans
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.descriptions import QueryDescription, describe
from oadb.engine.binding.many import CheckedRow
from oadb.engine.binding.packages import FOLDER, locate
from oadb.engine.binding.plans import QueryPlan
from oadb.engine.binding.quick_calls import QUERY, quick, runs
from oadb.engine.binding.reloading import Reloader, reloader
from oadb.engine.binding.statements import Statement, load
from oadb.engine.executor_faults import not_an_executor
from oadb.engine.executors import AsyncExecutor, Executor, Runner
from oadb.errors import DeclarationError, ParameterError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Described(Declaration, Generic[P]):
    """A declared statement as tools and tests see it: what it is, and its plans."""

    def describe(self) -> QueryDescription:
        """Return what it is, as data."""
        return describe(self.latest())

    @overload
    def explain(self, db: Executor, /, *args: P.args, **kwargs: P.kwargs) -> QueryPlan: ...
    @overload
    def explain(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, QueryPlan]: ...
    def explain(self, db: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return the plan of a call, which is not run; of a variant, by its arguments.

        Raises:
            ParameterError: an argument of another type; or a COPY, which has no plan.
        """
        return plans.explain(db, self.latest(), self.arguments(args, kwargs), analyze=False)

    @overload
    def analyze(self, db: Executor, /, *args: P.args, **kwargs: P.kwargs) -> QueryPlan: ...
    @overload
    def analyze(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, QueryPlan]: ...
    def analyze(self, db: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a call, and return its plan with times and buffers; a write is rolled back.

        What does not roll back stays: sequences, and what functions do outside of the database.

        Raises:
            ParameterError: an argument of another type; or a COPY, which has no plan.
        """
        return plans.explain(db, self.latest(), self.arguments(args, kwargs), analyze=True)


class Query(Described[P], Generic[P, R]):
    """A declared statement; call it with an executor and its arguments."""

    @overload
    def __call__(self, db: Runner, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(self, db: BatchedCalls, /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]: ...
    def __call__(self, db: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        """Run it; over an async executor, return the coroutine that runs it; in a batch, add it.

        See AsyncPoolExecutor._run and AsyncTransaction._run for errors of the call itself.

        Raises:
            ParameterError: an argument of another type; the text names the parameter.
        """
        try:
            values = self.arguments(args, kwargs)
            return db._run(self if self.choice is None else self.chosen(values), values)
        except (AttributeError, TypeError, ParameterError):
            if runs(db):
                raise
        raise not_an_executor(self.label, db)

    def row(self, *args: P.args, **kwargs: P.kwargs) -> CheckedRow:
        """Return the arguments of one call, as a row for ``many`` that type checkers understand.

        Raises:
            ParameterError: an argument of another type; the text names the parameter.
        """
        return CheckedRow(self.arguments(args, kwargs))

    @overload
    def many(self, db: Executor, /, rows: Iterable[object]) -> list[R]: ...
    @overload
    def many(
        self, db: AsyncExecutor, /, rows: Iterable[object]
    ) -> Coroutine[Any, Any, list[R]]: ...
    def many(self, db: Any, /, rows: Iterable[object]) -> Any:
        """Run it once for each row, in one round trip: for all of them, or for none.

        Args:
            rows: what ``row`` returns, or the arguments of a call in another form: a tuple in the
                order of the parameters, a mapping, or an object with these attributes.

        Returns:
            What a call returns, for each row, in order.

        Raises:
            ParameterError: an invalid row, which the text names; nothing was sent.
            psycopg.Error: what the server reports; the text names the row that failed.
        """
        latest = self.latest()
        given = many.checked(latest, rows)
        if isinstance(db, Executor):
            return db._operate(lambda inner: many.run(inner, latest, given))
        return many.run(db, latest, given)


class Stream(Described[P], Generic[P, T]):
    """A declared statement whose rows are yielded as they arrive."""

    cursor_name = "oadb_stream_"

    def bind(self, statement: Statement) -> list[str]:
        """Bind to *statement*, and return every disagreement with it."""
        problems = super().bind(statement)
        if not self.is_copy:  # DECLARE of its cursor
            self.prefix = len(f'DECLARE "{self.cursor_name}000000001" CURSOR FOR ')
        return problems

    @overload
    def __call__(
        self, db: Executor, /, *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, None, None]: ...
    @overload
    def __call__(
        self, db: AsyncExecutor, /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]: ...
    def __call__(self, db: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        """Run it and iterate over its rows; close the iterator if you stop early.

        Raises:
            ParameterError: an argument of another type; the text names the parameter.
        """
        try:
            values = self.arguments(args, kwargs)
            return db._stream(self if self.choice is None else self.chosen(values), values)
        except (AttributeError, TypeError, ParameterError):
            if hasattr(db, "_stream") and not isinstance(db, type):
                raise
        raise not_an_executor(self.label, db)


class Queries:
    """The declarations of one module, and the decorator that makes them."""

    def __init__(
        self, place: str, statements: Mapping[str, Statement], path: str | None = None
    ) -> None:
        self.module = place.rpartition("/")[2]
        self.path = path or f"sql/queries/{place}.sql"
        self._statements = statements
        self._declared: list[Declaration] = []
        self._is_complete = False
        # In development, what reads the file again.
        self.reloader: Reloader | None = None

    @overload
    def __call__(self, function: Callable[P, Iterator[T]]) -> Stream[P, T]: ...  # type: ignore[overload-overlap]  # an Iterator is also an R; the first match wins
    @overload
    def __call__(self, function: Callable[P, R]) -> Query[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> Any:
        """Declare *function*; its body stays empty."""
        returns = function.__annotations__.get("return")
        streams = get_origin(returns) is Iterator or str(returns).startswith("Iterator[")
        declared: Declaration = (
            Stream[..., Any](function, self.module)
            if streams
            else Query[..., Any](function, self.module)
        )
        self._declared.append(declared)
        return declared

    def __iter__(self) -> Iterator[Declaration]:
        """Iterate over the declarations."""
        return iter(self._declared)

    def require_complete(self) -> None:
        """Check that ``complete`` was called.

        Raises:
            DeclarationError: it was not.
        """
        if not self._is_complete:
            raise DeclarationError(
                f"{self.path}: its declarations are not bound: end the module with query.complete()"
            )

    def complete(self) -> None:
        """Bind every declaration to the statement of its name.

        Raises:
            DeclarationError: declarations and SQL file disagree; the text lists every place.
        """
        names = [declared.__name__ for declared in self._declared]
        problems = [
            f"{statement.path}:{statement.line}: {statement.label} is declared nowhere"
            for name, statement in self._statements.items()
            if name.removesuffix(array_forms.SUFFIX) not in names
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
        self._is_complete = True
        if self.reloader is not None:
            self.reloader.attach(self._declared)
        else:
            for declared in self._declared:
                if isinstance(declared, Query) and (shape := declared.shape) is not None:
                    declared.__class__ = quick(Query, shape, QUERY)

    def bound_to(self, statements: Mapping[str, Statement]) -> dict[str, Declaration]:
        """Return the same declarations, by name, bound to other statements.

        Raises:
            DeclarationError: they do not fit each other.
        """
        again = Queries(self.module, statements, self.path)
        for declared in self._declared:
            again(declared._function)
        again.complete()
        return {declared.__name__: declared for declared in again}

    def _bind(self, declared: Declaration) -> list[str]:
        statement = self._statements.get(declared.__name__)
        if statement is None:
            wanted = f"-- name: {declared.__name__} in {self.path}"
            return [f"{declared.place}: {declared.label} has no statement; write {wanted}"]
        where = f"{declared.place} and {statement.path}:{{}} disagree: {{}}: {{}}"
        problems = [
            where.format(statement.line, declared.label, each) for each in declared.bind(statement)
        ]
        form = self._statements.get(declared.__name__ + array_forms.SUFFIX)
        if form is not None and not problems:
            problems = [
                where.format(form.line, form.label, each)
                for each in array_forms.bind(declared, form)
            ]
        return problems


def queries(module: str, *, folder: str = FOLDER) -> Queries:
    """Return the decorator for the declarations of a module; call it with ``__name__``.

    It reads the SQL file of the module's path: ``sql/queries/accounts/users.sql`` for
    ``oadb.accounts.users``. The folder ``sql`` is inside of the top-level package, or beside it.

    Args:
        folder: another name of this folder.

    Raises:
        DeclarationError: no such file, or an invalid one; the text lists every problem.
    """
    package, place = locate(module, folder)
    file, shown = package.query_file(place)
    found = Queries(place, load(package, place), shown)
    found.reloader = reloader(file, lambda: found.bound_to(load(package, place)))
    return found
