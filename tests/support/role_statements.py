"""Which statements each role may run, as sql/uses.toml says, and which it must not, by label."""

from oadb.engine.binding.packages import find
from oadb.tools.contract import comparison
from oadb.tools.dependencies import usage_file

STATEMENTS = [
    declared
    for queries in comparison.declarations(find("oadb"))
    if queries.module != "migration_history"
    for declared in queries
    if declared.statement.words[0] in {"select", "insert", "update", "delete", "with"}
]
BY_LABEL = {declared.label: declared for declared in STATEMENTS}
ROTATION = {label for label in BY_LABEL if label.endswith(("._list_under_key", "._reseal"))}
AUDIT = {
    label
    for label in BY_LABEL
    if label.startswith(("login_attempts.", "login_audit.", "lockouts."))
}
LOGS = {label for label in BY_LABEL if label.startswith(("api_logs.", "analyzer_logs."))}
BATCHES = {label for label in BY_LABEL if label.startswith("writer.")}
PARTITIONS = {label for label in BY_LABEL if label.startswith("partitions.")}
MAINTENANCE = {
    "partitions.note_maintenance",
    "announcements._note",
    "announcements._delete_expired",
} | {label for label in PARTITIONS if ".delete_expired_" in label}
REQUESTS = {label for label in BY_LABEL if label.startswith(("traffic.", "latency."))}
WRITES = {label for label in LOGS | REQUESTS if label.endswith(("._insert", ".store"))}
# They read rollups, which belong to no user.
STATISTICS = {label for label in REQUESTS if "rollup_spans" in BY_LABEL[label].statement.functions}
ROLLUPS = {label for label in BY_LABEL if label.startswith("rollups.")}
REFRESH = {
    "rollups._count_traffic", "rollups._merge_traffic", "rollups._count_latency",
    "rollups._merge_latency", "rollups._mark", "rollups._delete_old_traffic",
    "rollups._delete_old_latency",
}  # fmt: skip  # a table
# No role is refused: these read no table.
TABLELESS = {
    "rollups._allow_time", "rollups._plan_lightly", "rollups._list_resolutions",
}  # fmt: skip  # a table
BANS = {
    label
    for label in BY_LABEL
    if label.startswith(("ip_bans.", "trackers.", "live_bans.", "host_bans."))
}
# A user sees only the trading mode of the settings of the application.
APPLICATION = {
    label for label in BY_LABEL if label.startswith(("app_settings.", "smtp_settings."))
} - {"app_settings.get_trading_mode"}
# An import writes rows with past times, as the owner.
PAST = {
    "imports.get_progress", "imports.is_begun", "imports._advance", "imports._record_attempts",
    "ledger.list_entries", "ledger.put",
}  # fmt: skip  # a table
# Which root keys there are.
KEYS = {"proof._enroll", "proof._note_promotion", "proof._remove"}
# Users neither sign up, rename, promote nor enable themselves.
PROMOTING = {
    "users._create", "users._set_username", "users._set_admin", "disabling._set_disabled",
}  # fmt: skip  # a list
# Only the owner links and forgets events of the audit.
CHAIN = {"audit_chain._insert_links", "audit_chain._forget_day"}
# Only members of pg_monitor: how large files are.
MONITORING = {"counter_findings._get_wal_size"}
# Only the owner ends the rows of audits.
EXPIRED = {
    "user_settings.delete_old_changes", "app_settings.delete_old_changes", "loads.delete_old",
    "deleted_users.erase",
}  # fmt: skip  # a list
# Only the owner compares the schema with its file.
DEFINITIONS = {"schema._list_role_privileges", "row_security.list_unlisted_privileges"}
# What is the same for all users is none of theirs.
SINGLE_ROWS = {
    "schema._list_user_tables", "schema._list_log_tables", "schema._list_ban_exemptions",
    "schema._list_security_settings", "schema._list_smtp_settings",
}  # fmt: skip  # a list

_USES = usage_file.read(find("oadb")).roles
MAY = {
    **{role: {*filter(_USES[role].includes, BY_LABEL)} for role in _USES},
    "oadb_owner": {*BY_LABEL} - MONITORING,
    "oadb_migrate": {*BY_LABEL} - MONITORING,
}
MUST_NOT: dict[str, set[str]] = {
    "oadb_app": {
        *KEYS, *CHAIN, *MAINTENANCE, *REFRESH, *PAST, *EXPIRED, *DEFINITIONS, *MONITORING,
    },
    "oadb_log": {
        "api_logs.list_calls", "analyzer_logs.list_analyses", "partitions.count_lost",
        "login_attempts.list_attempts", "login_attempts.delete_old", "users.get",
        "stored_passwords._find_password", "api_keys._find_by_digest", "api_keys._find_known",
        "broker_tokens.find_sealed", "authorization._find_by_digest",
        *KEYS, *CHAIN, *BANS, "security_events.list_all",
        "strategy_kinds._insert", "strategy_kinds._find", "strategy_kinds._find_by_digest",
        *BANS, *(REQUESTS - WRITES), *(ROLLUPS - TABLELESS),
    },
    "oadb_rotate": {
        "users._create", "users._delete", "users._update", "users._set_username",
        "users._set_admin", "sessions._insert_session",
        "sessions._find_by_digest", "sessions._note_seen", "api_keys._insert_key",
        "api_keys._find_by_digest", "api_keys._find_known",
        "broker_tokens._put", "second_factors._accept_step", "second_factors._disable",
        "second_factors._set_required", *BANS,
        "login_audit._record", "login_attempts.list_attempts", "app_settings._set_trading_mode",
        "smtp_settings.get", "smtp_settings._update", "user_settings._find",
        "pending_orders.get",
        "strategy_kinds._insert", "strategy_kinds._find", "strategy_kinds._find_by_digest",
        "strategy_changes._set_active", "strategy_changes._put_mappings", "webhooks._replace",
        *LOGS, *BATCHES, *MAINTENANCE, *REQUESTS, "partitions.list_strays",
        *(ROLLUPS - TABLELESS),
    },
    "oadb_ro": {
        *BATCHES, *MAINTENANCE, *WRITES, *REFRESH,
        "stored_passwords._find_password", "sessions._find_by_digest", "sessions._note_seen",
        "api_keys._find_by_digest", "api_keys._find_known",
        "authorization._find_by_digest",
        "api_keys._find_kept", "broker_tokens.find_sealed", "second_factors._accept_step",
        "users._delete", "users._update", "users._set_username", "users._set_admin",
        "second_factors._disable", "api_keys._rename", "api_keys._set_scopes",
        "sessions.get", "sessions.list_by_user", "smtp_settings._get_sealed",
        "smtp_settings._update",
        "user_settings._put",
        "app_settings._set_trading_mode", "pending_orders._approve",
        "strategy_kinds._find_by_digest",
        "strategy_changes._set_active", "strategy_changes._delete_mappings", "webhooks._replace",
        "proof.list_canaries", *KEYS, *CHAIN, *ROTATION,
        "ip_bans._put", "ip_bans._unban", "ip_bans._exempt", "ip_bans._unexempt",
        "host_bans._ban_clients",
        "ip_bans.delete_expired",
        "trackers._count_hit", "trackers._delete", "trackers.delete_expired",
    },
    "oadb_user": {
        *KEYS, *CHAIN, *PROMOTING, "login_audit._record",
        "login_audit.record_resumed", "login_attempts.delete_old",
        "lockouts._reset_account", "staging._merge_staged", "rotation._list_under_key",
        *BATCHES, *MAINTENANCE, *BANS, *APPLICATION, "partitions.list_strays",
        *WRITES, *STATISTICS, *(ROLLUPS - TABLELESS), *DEFINITIONS, *EXPIRED,
        *SINGLE_ROWS,
    },
    "oadb_owner": set(),
    "oadb_migrate": set(),
}  # fmt: skip  # a table
