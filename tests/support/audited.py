"""Tables whose changes are security events: which columns, and which not, and why."""

OTHER = f"'\\x0100000001{'ff' * 28}'::bytea"
"""A value sealed under key 1, other than those of ``user_rows``."""

WATCHED = {
    "users": {
        "username": "'renamed'",
        "email": "'renamed@example.in'",
        "is_admin": "not is_admin",
        "password_hash": OTHER,
        "disabled_at": "now()",
    },
    "sessions": {
        "token_digest": "sha256('other')",
        "idle_timeout": "'3 days'",
        "expires_at": "now() + '3 days'",
        "authenticated_at": "now() + '1 minute'",
        "assurance": "2",
    },
    "second_factors": {
        "secret": OTHER,
        "last_step": "last_step + 1",
        "is_required_for_login": "not is_required_for_login",
        "is_required_for_mcp": "not is_required_for_mcp",
        "is_required_for_password_reset": "not is_required_for_password_reset",
        "confirmed_at": "null",
        "wrong_at": "now()",
        "recovery_salt": "'\\x00112233445566778899aabbccddeeff'",
        "recovery_used": "1",
    },
    "api_keys": {
        "name": "'renamed'",
        "scopes": "'{orders}'",
        "order_mode": "'semi_auto'",
        "expires_at": "now() + '1 day'",
        "revoked_at": "now()",
        "token_digest": "sha256('other')",
    },
    "broker_tokens": {
        "client_id": "'other'",
        "access_token": OTHER,
        "refresh_token": OTHER,
        "feed_token": OTHER,
        "parameters": OTHER,
        "updated_at": "now() + '1 second'",
        "expires_at": "now() + '1 day'",
        "revoked_at": "now(), access_token = null, content_digest = null",
    },
    "strategies": {
        "token_digest": "sha256('other')",
        "webhook_revoked_at": "now()",
    },
    "one_time_tokens": {
        "purpose": "'activation'",
        "token_digest": "sha256('other')",
        "binding": "sha256('other')",
        "auth_epoch": "auth_epoch + 1",
        "email": "'other@example.in'",
        "new_email": "'other@example.in', purpose = 'email_change'",
        "expires_at": "now() + '1 hour'",
        "used_at": "now()",
    },
    "ip_bans": {
        "network": "'198.51.100.7'",
        "offences": "offences + 1",
        "banned_at": "banned_at - interval '1 day'",
        "expires_at": "now() + '1 day'",
        "source": "'import'",
        "banned_by": "7",
    },
    "ban_exemptions": {"network": "'198.51.100.7'"},
    "trading_mode": {"mode": "'live'"},
    "key_canaries": {
        "key_id": f"8, canary = set_byte({OTHER}, 4, 8)",
        "canary": f"set_byte({OTHER}, 4, 7)",
        "promoted_at": "now()",
    },
    "role_privileges": {
        "schema_name": "'public'",
        "role_name": "'other'",
        "table_name": "'other'",
        "privileges": "'insert'",
    },
}
"""Columns that say who may do what, each with another value."""

# Keys of rows, to which sealed values are bound, and what is generated.
_KEYS = {"user_id", "session_id", "api_key_id", "broker", "strategy_id", "singleton_id", "key_id"}
_KEYS |= {"token_id"}
_KEYS |= {"username_key", "email_key", "password_key_id"}
# What says when, how often, or how it is called; and counts that no right depends on.
_NOTES = {
    "created_at", "updated_at", "last_seen_at", "last_used_at", "rotated_at", "enrolled_at",
    "created_by", "set_by", "reason", "device", "ip", "data", "hint", "webhook_hint", "lapses_at",
    "access_set_by", "first_name", "last_name", "failures", "unlocks_at", "sweep_at",
    "swept_expires_at",
}  # fmt: skip  # a list
# Changed together with a column that is watched.
_BESIDE = {"auth_epoch", "fingerprint", "kept_token", "content_digest"}

_OF_TABLES = {
    "strategies": {
        "name", "platform", "trading_mode", "definition", "is_active", "is_intraday",
        "start_time", "end_time", "squareoff_time", "time_zone",
    },
    # oadb sets it once, when migrating.
    "ban_exemptions": {"is_builtin"},
}  # fmt: skip  # a list

UNWATCHED = {
    table: _KEYS | _NOTES | _BESIDE | _OF_TABLES.get(table, set[str]()) for table in WATCHED
}
"""Columns that say nothing of it."""

UNAUDITED = {
    # Audits themselves.
    "login_attempts", "setting_changes", "app_setting_changes", "security_events",
    "security_event_links", "locked_clients", "deleted_users",
    # With an audit of their own, in the same statement.
    "settings", "security_settings", "smtp_settings",
    # But for its approvals and rejections, which are events.
    "pending_orders",
    # What others may have cached.
    "changes",
    # Counts and lists, of which no right is made but a ban, which is an event.
    "lockouts", "ip_trackers", "known_networks", "known_devices",
    # No rights.
    "strategy_mappings", "instruments", "instrument_loads", "instrument_staging", "imports",
    "imported_rows",
    "api_logs", "analyzer_logs", "traffic", "latency", "log_batches", "log_drops", "log_rejects",
    "log_tables", "claims", "applied_migrations", "traffic_rollups", "latency_rollups",
}  # fmt: skip  # a list
"""Other tables that statements write."""
