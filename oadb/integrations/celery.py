"""Celery: a Database for each worker process, whose logs are stored before it ends.

    app = Celery("jobs", broker=...)
    db = install(app)

    @app.task(acks_late=True)
    def settle(order_id: int) -> None:
        with db.transaction() as tx:  # committed before the task is acknowledged
            ...

A task may be delivered twice: see docs/workers.md.
"""

from oadb.integrations.missing_extras import missing_extra

try:
    from celery import Celery
    from celery.signals import worker_process_shutdown, worker_shutdown
except ModuleNotFoundError as error:
    raise missing_extra("celery", error) from error

from weakref import WeakSet

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.telling import Observers
from oadb.errors import ParameterError
from oadb.logs.writing.exits import close_all

__all__ = ["install"]

_installed: WeakSet[Celery] = WeakSet()


def install(app: Celery, config: Config | None = None, *, observer: Observers = None) -> Database:
    """Give an application a Database, which each worker process connects anew.

    Nothing connects before the first call, so Celery may import the application and then fork. At
    the end of a worker process, which runs no atexit functions, it closes the Database, and every
    open LogWriter of the process once its rows are stored.

    Args:
        config: None: that of the environment.
        observer: one or several; see oadb.engine.observing.

    Raises:
        ParameterError: the application has oadb already.
        ConfigError: a variable is missing or invalid.
        KeyRingError: the key ring cannot be read or is invalid.
    """
    if app in _installed:
        raise ParameterError("install: this application has oadb already; call it once")
    db = Database(Config.from_env() if config is None else config, observer=observer)
    _installed.add(app)

    def end(**_: object) -> None:
        close_all()
        db.close()

    worker_process_shutdown.connect(end, weak=False)  # a child of the prefork pool
    worker_shutdown.connect(end, weak=False)  # the process itself, which the other pools work in
    return db
