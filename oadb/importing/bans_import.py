"""Imports bans of IP addresses, which last until their original end, and follows their changes."""

from datetime import UTC, datetime

from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import takeover, updating
from oadb.importing.columns import described_text, flag, ip, moment
from oadb.importing.comparing import Counterpart, State
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.updating import StoredBan

# A longer ban is permanent in oadb.
_LONGEST_DAYS = 36_500


class Bans:
    """The bans of an installation; their rows hold no secret."""

    identity = "ip_address"

    def read(self, row: Row) -> State:
        """Return the end of a ban, its reason, and how often the address was banned."""
        return {"ip_address": ip(row, "ip_address"), **_values(_ban(row))}

    def create(self, tx: Executor, row: Row, _report: TableReport) -> bool:
        """Ban an address until the end of its ban in OpenAlgo; False if it is already banned."""
        ban = _ban(row)
        banned_at = None if row.get("banned_at") is None else moment(row, "banned_at", UTC)
        return takeover.adopt_ban(
            tx,
            ip(row, "ip_address"),
            ban.reason,
            ban.expires_at,
            offences=ban.offences,
            banned_at=banned_at,
        )

    def find(
        self, tx: Executor, _row: Row, there: State, _target: str | None
    ) -> Counterpart | None:
        """Return the ban that a row became, also one that has expired."""
        found = updating.find_ban(tx, there["ip_address"])
        if found is None:
            return None
        return Counterpart("", {"ip_address": there["ip_address"], **_values(found)})

    def follow(
        self, tx: Executor, row: Row, there: State, here: Counterpart, names: frozenset[str]
    ) -> str:
        """Take end, reason or count."""
        ban, known = _ban(row), here.values
        reason = ban.reason if "ban_reason" in names else known["ban_reason"]
        offences = ban.offences if "ban_count" in names else int(known["ban_count"])
        values = there if "expires_at" in names else known
        until = values.get("expires_at")
        updating.replace_ban(
            tx,
            there["ip_address"],
            reason,
            None if until is None else datetime.fromisoformat(until),
            offences=offences,
        )
        return ""


def _ban(row: Row) -> StoredBan:
    is_permanent, count = flag(row, "is_permanent"), row.get("ban_count")
    if not is_permanent and row.get("expires_at") is None:
        raise RowError("it is neither permanent nor has an end: it had no effect")
    return StoredBan(
        described_text(row, "ban_reason", 500) or "banned by OpenAlgo",
        max(count, 1) if isinstance(count, int) else 1,
        None if is_permanent else moment(row, "expires_at", UTC),
    )


def _values(ban: StoredBan) -> dict[str, str]:
    """Return the fields of a ban; a permanent one has no end."""
    values = {"ban_reason": ban.reason, "ban_count": str(ban.offences)}
    until = ban.expires_at
    if until is None or (until - datetime.now(UTC)).days >= _LONGEST_DAYS:
        return values
    return {**values, "expires_at": until.astimezone(UTC).isoformat()}
