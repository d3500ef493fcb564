"""Kinds of strategies: those for Chartink and all others, which are rows of the same tables.

``strategies`` and ``chartink`` each create and read strategies of their own kind alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from typing import Generic
from uuid import UUID, uuid4

from oadb.changes import announcements
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.keys import proof
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.security.tokens import hint_of
from oadb.trading.strategy_changes import change_of
from oadb.trading.strategy_rows import (
    CHARTINK,
    Direction,
    FoundStrategy,
    FoundWebhook,
    M,
    NewStrategy,
    ProductType,
    Profile,
    Strategy,
    profile_of,
)
from oadb.trading.webhooks import TOKEN
from oadb.validation.documents import require_document

query = queries(__name__)


@query
def _insert(
    user_id: int,
    strategy_id: UUID,
    name: str,
    platform: str,
    direction: Direction,
    definition: dict[str, object],
    is_intraday: bool,
    start_time: time | None,
    end_time: time | None,
    squareoff_time: time | None,
    time_zone: str,
    webhook_hint: str,
    token_digest: bytes,
    fingerprint: bytes,
) -> Profile: ...


@query
def _find(user_id: int, strategy_id: UUID) -> FoundStrategy | None: ...


@query
def _find_by_digest(
    token_digest: bytes, user_id: int | None = None, others: list[bytes] | None = None
) -> FoundWebhook | None: ...


@query
def _list_by_user(
    user_id: int, chartink: bool, *, cursor: str | None = None, limit: Limit = 100
) -> Page[FoundStrategy]: ...


@query
def _count_by_user(user_id: int, chartink: bool) -> int: ...


query.complete()


@dataclass(frozen=True, slots=True)
class StrategyKind(Generic[M]):
    """The strategies of a module.

    Attributes:
        module: The name of the module, which errors show.
        chartink: Whether they are those for Chartink, or all others.
        mapping: The class of their mappings.
    """

    module: str
    chartink: bool
    mapping: Callable[[str, str, int, ProductType], M]

    async def create(
        self,
        db: AsyncExecutor,
        user_id: int,
        name: str,
        platform: str,
        direction: Direction,
        definition: dict[str, object] | None,
        is_intraday: bool,
        start_time: time | None,
        end_time: time | None,
        squareoff_time: time | None,
        time_zone: str,
    ) -> NewStrategy[M]:
        """Create a strategy; see ``strategies.create``."""
        document = {} if definition is None else definition
        require_document(f"{self.module}.create: definition", document)
        ring, token, strategy_id = await proof.ring_of(db), TOKEN.new(user_id), uuid4()
        stored = TOKEN.store(ring, (user_id, strategy_id), token)
        profile = await announcements.create(
            db,
            lambda _: change_of(user_id, strategy_id),
            _insert,
            user_id,
            strategy_id,
            name,
            platform,
            direction,
            document,
            is_intraday,
            start_time,
            end_time,
            squareoff_time,
            time_zone,
            hint_of(token),
            stored.digest,
            stored.fingerprint,
        )
        # A type checker cannot count the values of a profile.
        return NewStrategy(token, Strategy(*profile_of(profile), *[()]))

    async def get(self, db: AsyncExecutor, user_id: int, strategy_id: UUID) -> Strategy[M] | None:
        """Read a strategy of a user; None if the user has no such strategy of this kind."""
        return self._read(await _find(db, user_id, strategy_id))

    async def verify_webhook(self, db: AsyncExecutor, webhook: Secret) -> Strategy[M] | Refusal:
        """Find the active strategy that a webhook belongs to; see ``strategies.verify_webhook``.

        A malformed webhook is UNKNOWN without a lookup.
        """
        found = self._read(await proof.find_by_token(db, TOKEN, webhook, _find_by_digest))
        if found is None:
            return Refusal.UNKNOWN
        if found.webhook_revoked_at is not None:
            return Refusal.REVOKED
        return found if found.is_active else Refusal.INACTIVE

    async def list_by_user(
        self, db: AsyncExecutor, user_id: int, cursor: str | None, limit: int
    ) -> Page[Strategy[M]]:
        """List the strategies of a user; see ``strategies.list_by_user``.

        Raises:
            ParameterError: a cursor of another list.
        """
        page = refused = None
        try:
            page = await _list_by_user(db, user_id, self.chartink, cursor=cursor, limit=limit)
        except ParameterError as error:
            refused = str(error).replace("strategy_kinds.", f"{self.module}.", 1)
        if page is None:
            raise ParameterError(refused)
        rows = [strategy for strategy in map(self._read, page) if strategy is not None]
        return Page(rows, page.next)

    async def count_by_user(self, db: AsyncExecutor, user_id: int) -> int:
        """Count the strategies of a user."""
        return await _count_by_user(db, user_id, self.chartink)

    def _read(self, found: FoundStrategy | None) -> Strategy[M] | None:
        """Return the strategy; None if there is none or it is of another kind."""
        if found is None or (found.platform == CHARTINK) != self.chartink:
            return None
        mappings = map(
            self.mapping, found.symbols, found.exchanges, found.quantities, found.product_types
        )
        return Strategy(*profile_of(found), *[tuple(mappings)])
