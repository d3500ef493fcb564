"""What can run a declared query: a Database or a transaction, sync or async."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar

from oadb.security.vault import Vault

T = TypeVar("T")


class Runner(ABC):
    """What can run one query at a time: an Executor, or the session of a tool."""

    @abstractmethod
    def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query and return what its declaration promises."""


class Executor(Runner):
    """A Database or a Transaction: the first argument of every declared function."""

    @abstractmethod
    def stream(self, query: Any, params: tuple[Any, ...]) -> Generator[Any, None, None]:
        """Run a bound query and yield its rows as they arrive."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager["Executor"]:
        """Return a transaction to enter; inside another one, a savepoint."""

    @abstractmethod
    def operate(self, work: Callable[["AsyncExecutor"], Coroutine[Any, Any, T]]) -> T:
        """Run an operation, written as a coroutine, to its end."""


class AsyncExecutor(ABC):
    """An AsyncDatabase or an AsyncTransaction; in an operation, either colour of executor."""

    @property
    @abstractmethod
    def vault(self) -> Vault:
        """The key ring of the Database, for what is sealed or digested."""

    @abstractmethod
    async def run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query and return what its declaration promises."""

    @abstractmethod
    def stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Run a bound query and yield its rows as they arrive."""

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager["AsyncExecutor"]:
        """Return a transaction to enter; inside another one, a savepoint."""

    @abstractmethod
    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation: in a thread beside an event loop, in place without one."""
