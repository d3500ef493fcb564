"""Which systems and worker classes oadb runs on; elsewhere it says so instead of failing later.

Threads, processes, asyncio with any event loop, and gevent are fine. eventlet is not: psycopg waits
for the server without giving way to its other green threads, and it ends the support of itself.
"""

import sys
from types import ModuleType

from oadb.errors import ConfigError

_EVENTLET = (
    "oadb does not run on eventlet, which psycopg does not support: use threads (gunicorn -k "
    "gthread), gevent (-k gevent), or an ASGI server such as uvicorn"
)
_WINDOWS = "oadb runs on Linux, and is not tested on macOS; on Windows use WSL 2 or a container"
_PATCHED_LATE = (
    "gevent has patched the standard library after psycopg was imported, so every statement would "
    "stop all greenlets: patch first, with gunicorn --preload at the top of gunicorn.conf.py: "
    "from gevent import monkey; monkey.patch_all()"
)


def refuse_others() -> None:
    """Refuse to be imported where oadb cannot run.

    Raises:
        ImportError: this is Windows, or eventlet has patched the standard library.
    """
    if sys.platform == "win32":
        raise ImportError(_WINDOWS)
    if _is_patched_by_eventlet():
        raise ImportError(_EVENTLET)


def require_early_patches() -> None:
    """Require that nothing has patched the standard library since psycopg was imported.

    Raises:
        ConfigError: gevent or eventlet has.
    """
    if _is_patched_by_eventlet():
        raise ConfigError(_EVENTLET)
    gevent, waiting = sys.modules.get("gevent.monkey"), sys.modules.get("psycopg.waiting")
    if gevent is None or waiting is None or not gevent.is_module_patched("select"):
        return
    # What psycopg chose when it was imported: of the two, wait_c alone blocks the thread.
    if waiting.wait is getattr(waiting, "wait_c", None):
        raise ConfigError(_PATCHED_LATE)


def _is_patched_by_eventlet() -> bool:
    patcher: ModuleType | None = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched("thread"))
