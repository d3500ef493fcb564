"""Which statements update rows, which columns they set, and how often they run."""

from collections.abc import Iterator, Sequence

from oadb.engine.binding.statements import Statement

FREQUENT: dict[str, dict[str, str]] = {
    "sessions._note_seen": {},
    "lockouts._count_try": {},
    "lockouts.revert_try": {},
    "known_clients.remember_network": {},
    "known_clients._renew_device": {},
    "second_factors._count_try": {},
    "second_factors._accept_step": {},
    "second_factors._note_wrong": {},
    "key_uses._store": {},
    "trackers._count_hit": {
        "first_at": "it stays as it is until 24 hours have passed",
    },
    "announcements._note": {},
    "rollups._count_traffic": {},
    "rollups._merge_traffic": {},
    "rollups._count_latency": {},
    "rollups._merge_latency": {},
    "rollups._mark": {
        "rolled_up_at": "once in the life of a batch, so that the index holds the others alone",
    },
    "partitions.note_maintenance": {},
}
"""Updates that requests, sign-ins and what runs each minute make, often of the same rows; with the
indexed columns that they may set, and why."""

RARE = frozenset(
    {
        # A sweep looks at a row once in the time that it expires in.
        "sessions._sweep", "lockouts._sweep",
        "known_clients._sweep_networks", "known_clients._sweep_devices",
        "broker_tokens.retire_expired", "deleted_users.erase",
        # Somebody decides something, about one row.
        "api_keys._set_mode", "api_keys._rename", "api_keys._set_scopes", "api_keys._revoke",
        "api_keys._replace_token", "broker_tokens._put", "broker_tokens._revoke",
        "disabling._set_disabled", "one_time_tokens._use", "second_factors._store_secret",
        "second_factors._set_recovery", "second_factors._accept_recovery",
        "second_factors._set_required", "sessions._set_data", "stored_passwords._upgrade_password",
        "stored_passwords._store_password", "users._update", "users._set_admin",
        "users._set_username", "ip_bans._put", "ip_bans._exempt", "app_settings._set_trading_mode",
        "app_settings._update_security", "smtp_settings._update", "user_settings._put",
        "pending_orders._approve", "pending_orders._reject", "pending_orders._record_outcome",
        "strategy_changes._set_active", "strategy_changes._update", "strategy_changes._rename",
        "strategy_changes._set_definition", "strategy_changes._put_mappings",
        "strategy_changes._delete_mappings", "webhooks._replace", "webhooks._revoke",
        "proof._note_promotion", "host_bans._ban_clients",
        # Counts the tries of an hour in one row, of a network that has to wait.
        "login_audit._record_locked",
        # A rotation, an import, a load of instruments and a migration write many rows, once.
        "api_keys._reseal", "broker_tokens._reseal", "second_factors._reseal", "sessions._reseal",
        "smtp_settings._reseal", "users._reseal", "webhooks._reseal", "imports._advance",
        "ledger.put", "strategy_takeover._replace_webhook", "strategy_takeover._set_kind",
        "takeover._adopt_password", "takeover._adopt_ban", "updating._replace_factor",
        "updating._replace_key", "updating._replace_ban", "loads._end_load",
        "staging._merge_staged", "migration_history.record_checksum",
    }
)  # fmt: skip  # a list
"""Updates that somebody or something makes now and then."""


def assignments(statement: Statement) -> Iterator[tuple[str, set[str]]]:
    """Yield, for each update in a statement, the table and the columns that it sets."""
    texts = [each.text for each in statement.parts if each.kind not in {"space", "comment"}]
    inserted = ""
    for at, text in enumerate(texts):
        if texts[at : at + 4] == ["insert", "into", "oadb", "."]:
            inserted = texts[at + 4]
        if text == "update" and texts[at - 1] == "do":
            yield inserted, _set_columns(texts[at + 1 :])
        elif texts[at : at + 3] == ["update", "oadb", "."]:
            yield texts[at + 3], _set_columns(texts[at + 4 :])


def _set_columns(texts: Sequence[str]) -> set[str]:
    """Return the columns behind the first ``set``: names before ``=``, or lists of them."""
    begin, depth, is_target = texts.index("set") + 1, 0, True
    columns = set[str]()
    for text in texts[begin:]:
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0 or (depth == 0 and text in {"where", "from", "returning"}):
            break
        if text == "=" and depth == 0:
            is_target = False
        elif text == "," and depth == 0:
            is_target = True
        elif is_target and text not in {"(", ")", ","}:
            columns.add(text)
    return columns
