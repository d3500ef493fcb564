"""What a Flask application has of oadb in each process: a Database, bans in memory, a log."""

import os
import threading
from collections.abc import Callable, Iterable

from oadb.bans.live_bans import LiveBans
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import Error
from oadb.integrations import readiness_answers, watched_state
from oadb.integrations.readiness_answers import ProbeAnswer, ready_answer, unready_answer
from oadb.integrations.web_requests import SeenRequest, segments
from oadb.integrations.web_settings import WebSettings
from oadb.logs.writer import LogWriter


class FlaskService:
    """The Database of an application. It connects at the first call, in each process anew."""

    def __init__(self, settings: WebSettings, templates: Callable[[], Iterable[str]]) -> None:
        """Read the configuration; nothing connects yet, so that servers may fork.

        Raises:
            ConfigError: a variable is missing or invalid.
            KeyRingError: the key ring cannot be read or is invalid.
        """
        given = settings.config
        self.settings = settings
        config = Config.from_env() if given is None else given
        self.db = Database(config, observer=settings.observer)
        watched_state.watch_pools(settings.observer, self.db)
        self.outside = self.db.outside()
        """For credentials, which are verified beside the transaction of the request."""
        if settings.log_requests:
            self._new_log(()).close()  # so that a wrong variable is named now
        self._log: LogWriter | None = None
        self._templates = templates
        self._publishing = threading.Lock()
        self._bans: tuple[int, LiveBans] | None = None

    def close(self) -> None:
        """Close the Database, and store what is left to log."""
        if self._bans is not None and self._bans[0] == os.getpid():
            self._bans[1].__exit__()
        if self._log is not None:
            self._log.close()
        self.db.close()

    def is_banned(self, ip: str) -> bool:
        """Say whether the network of an address is banned.

        Raises:
            UnavailableError: it is not known.
        """
        return self.settings.bans and self._live_bans().is_banned(ip)

    def readiness(self) -> ProbeAnswer:
        """Return what to answer to a probe that asks whether this service can work."""
        try:
            return ready_answer(self.db.ready(deadline=readiness_answers.WAIT))
        except Error as error:
            return unready_answer(error)

    def log(self, seen: SeenRequest) -> None:
        """Have a request logged."""
        if not self.settings.log_requests:
            return
        if self._log is None:  # only now are all routes known
            made = self._new_log(segments(self._templates()))
            with self._publishing:
                self._log = self._log or made
            watched_state.watch_logs(self.settings.observer, self._log)
        self._log.offer(seen.row())

    def _new_log(self, kept: Iterable[str]) -> LogWriter:
        given, observer = self.settings.config, self.settings.observer
        if given is None:
            return LogWriter.from_env(fields=kept, observer=observer)
        return LogWriter(given, fields=kept, observer=observer)

    def _live_bans(self) -> LiveBans:
        """Return the bans that this process follows: those of its parent are not followed here."""
        process, held = os.getpid(), self._bans
        if held is not None and held[0] == process:
            return held[1]
        made = LiveBans(self.db).__enter__()  # without the lock: it starts threads
        with self._publishing:
            held = self._bans
            if held is None or held[0] != process:
                self._bans = (process, made)
                watched_state.watch_bans(self.settings.observer, made)
                return made
        made.__exit__()  # another thread was first
        return held[1]
