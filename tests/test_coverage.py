"""docs/coverage.md: every function of the seed's eleven modules, and its counterpart."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from oadb.engine.statements import sql_folder

DOCUMENT = Path(__file__).parents[1] / "docs" / "coverage.md"
DOMAINS = {path.stem for path in (sql_folder() / "queries").glob("*.sql")} | {"brokers"}

# What the modules of the seed system offer to their callers, as their inventory lists it.
SEED = {
    "auth_db": """
        encrypt_token decrypt_token safe_decrypt_token upsert_auth get_auth_token
        get_auth_token_fresh get_auth_token_dbquery get_feed_token get_feed_token_dbquery
        get_user_id upsert_api_key get_api_key get_api_key_for_tradingview
        get_first_available_api_key verify_api_key get_username_by_apikey get_broker_name
        get_auth_token_broker get_order_mode update_order_mode invalidate_user_cache
        register_session remove_session clear_user_sessions update_session_last_seen
        get_active_sessions log_login_attempt get_login_attempts clear_login_attempts samco_*
    """,
    "user_db": """
        User.is_totp_required_for User.get_totp_secret User.get_totp_uri User.verify_totp
        User.set_password User.check_password add_user authenticate_user find_user_by_email
        find_user_by_username find_user_by_exact_username rehash_all_passwords
    """,
    "symbol": """
        enhanced_search_symbols fno_search_symbols_db get_distinct_expiries
        get_distinct_underlyings normalize_derivative_underlyings tv_search.search_symbols SymToken
    """,
    "apilog_db": "async_log_order OrderLog",
    "analyzer_db": "async_log_analyzer AnalyzerLog.to_dict",
    "settings_db": """
        get_analyze_mode set_analyze_mode get_smtp_settings set_smtp_settings
        get_security_settings set_security_settings clear_settings_cache
    """,
    "chartink_db, strategy_db": """
        create_strategy get_strategy get_strategy_by_webhook_id get_all_strategies
        get_user_strategies delete_strategy toggle_strategy update_strategy_times
        add_symbol_mapping bulk_add_symbol_mappings get_symbol_mappings delete_symbol_mapping
        clear_strategy_cache
    """,
    "traffic_db": """
        TrafficLog.log_request TrafficLog.get_recent_logs TrafficLog.get_stats IPBan.is_ip_banned
        IPBan.ban_ip IPBan.unban_ip IPBan.get_all_bans Error404Tracker.track_404
        Error404Tracker.get_suspicious_ips InvalidAPIKeyTracker.track_invalid_api_key
        InvalidAPIKeyTracker.get_suspicious_api_users purge_old_traffic_logs
    """,
    "latency_db": """
        OrderLatency.log_latency OrderLatency.get_recent_logs OrderLatency.get_latency_stats
        purge_old_data_logs
    """,
    "token_db": """
        get_token get_symbol get_oa_symbol get_br_symbol get_brexchange get_symbol_info
        get_symbol_count *_dbquery get_tokens_bulk get_symbols_bulk search_symbols
        fno_search_symbols get_distinct_expiries_cached get_distinct_underlyings_cached
        extract_underlying_from_symbol load_cache_for_broker clear_cache get_cache get_cache_stats
        get_symbol_from_cache SymbolData token_cache
    """,
}

Row = tuple[str, str]


def rows() -> list[Row]:
    """Return the rows of the tables: what is replaced, and by what."""
    lines = DOCUMENT.read_text().splitlines()
    cells = [line.strip("| ").split(" | ", 1) for line in lines if line.startswith("| ")]
    return [(cell[0], cell[1]) for cell in cells if len(cell) == 2]


def is_told(name: str, told: str) -> bool:
    """Say whether *told* names a function, with its class or, after another one, without it."""
    plain = name.rsplit(".", maxsplit=1)[-1]
    return re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", told) is not None


@pytest.mark.parametrize("module", [*SEED])
def test_every_function_of_the_seed_has_a_row(module: str) -> None:
    told = "\n".join(replaced for replaced, _ in rows())

    assert [name for name in SEED[module].split() if not is_told(name, told)] == []


def counterparts() -> set[str]:
    """Return what the tables name of oadb: ``users.create``, ``oadb.users``."""
    named = {name for _, by in rows() for name in re.findall(r"`(?:oadb\.)?([\w.]+)", by)}
    return {name for name in named if name.split(".")[0] in DOMAINS}


def test_counterparts_are_found_in_the_tables() -> None:
    assert {"users.create", "users", "broker_tokens.put", "api_keys.verify"} <= counterparts()


@pytest.mark.parametrize("name", sorted(counterparts()))
def test_a_counterpart_exists(name: str) -> None:
    module, *attributes = name.split(".")
    found: object = import_module(f"oadb.{module}")
    for attribute in attributes:
        found = getattr(found, attribute)
