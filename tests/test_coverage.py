"""docs/coverage.md: every function of OpenAlgo's modules, its counterpart, and its defects."""

import re
from pathlib import Path

import pytest

from oadb.market import brokers
from tests.support import declared
from tests.support.each import for_each

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "coverage.md"
TESTS = sorted(path for path in Path(__file__).parent.rglob("test_*.py") if path != Path(__file__))

# What the modules of OpenAlgo offer to their callers.
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
    "apilog_db": "async_log_order executor OrderLog",
    "analyzer_db": "async_log_analyzer AnalyzerLog.to_dict",
    "settings_db": """
        get_analyze_mode set_analyze_mode get_smtp_settings set_smtp_settings
        get_security_settings set_security_settings clear_settings_cache
        chart_prefs_db.get_chart_prefs chart_prefs_db.update_chart_prefs
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
    "master_contract_status_db": """
        init_broker_status update_status get_status check_if_ready should_download_master_contract
        update_download_stats get_last_download_time get_last_downloaded_broker
        mark_status_ready_without_download get_exchange_stats_from_db
    """,
    "action_center_db": """
        create_pending_order get_pending_orders get_pending_order_by_id get_pending_count
        approve_pending_order reject_pending_order update_broker_status delete_pending_order
    """,
    "token_db": """
        get_token get_symbol get_oa_symbol get_br_symbol get_brexchange get_symbol_info
        get_symbol_count *_dbquery get_tokens_bulk get_symbols_bulk search_symbols
        fno_search_symbols get_distinct_expiries_cached get_distinct_underlyings_cached
        extract_underlying_from_symbol load_cache_for_broker clear_cache get_cache get_cache_stats
        get_symbol_from_cache SymbolData token_cache
    """,
}

# The class diagram of OpenAlgo's design documents.
DIAGRAM = {
    "User": "UserID Username Email HashedPassword FirstName LastName CreatedAt UpdatedAt",
    "AuthSession": "SessionID UserID Expiry Data",
    "BrokerToken": """
        TokenID UserID BrokerName EncryptedAccessToken EncryptedRefreshToken Expiry
    """,
    "APILog": "LogID Timestamp UserID Endpoint RequestMethod StatusCode IPAddress",
    "Strategy": "StrategyID UserID Name Definition IsActive",
    "MasterContract": "InstrumentID Symbol Exchange TokenType LotSize",
    "Setting": "SettingID UserID SettingKey SettingValue",
}
RELATIONS = {
    "User has AuthSession",
    "User stores BrokerToken",
    "User performed APILog",
    "User defines Strategy",
    "User configures Setting",
    "User: relationships to Settings, APITokens, Strategies",
}

# What makes the tables of a module, if not init_db.
INITIAL = {
    "traffic_db": "init_logs_db",
    "latency_db": "init_latency_db",
    "master_contract_status_db": "",
    "token_db": "",
}

DEFECTS = range(1, 57)

Row = tuple[str, ...]


def tables() -> dict[str, list[Row]]:
    """Return the rows of the tables by heading: OpenAlgo's functions and their counterparts."""
    found: dict[str, list[Row]] = {}
    for part in DOCUMENT.read_text().split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        lines = [line for line in text.splitlines() if line.startswith("| ")]
        found[heading] = [tuple(line.strip("| ").split(" | ")) for line in lines[2:]]
    return found


TABLES = tables()


def names(name: str, text: str) -> bool:
    """Say whether *text* names a function, with or without its class."""
    plain = name.rsplit(".", maxsplit=1)[-1]
    return re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text) is not None


@pytest.mark.parametrize("module", [*SEED])
def test_every_function_of_a_module_has_a_row_under_its_name(module: str) -> None:
    replaced = "\n".join(row[0] for row in TABLES[module])
    offered = [*SEED[module].split(), *INITIAL.get(module, "init_db").split()]

    assert [name for name in offered if not names(name, replaced)] == []


def counterparts() -> set[str]:
    """Return the names that the tables give for functions of OpenAlgo: ``users.create``.

    Without commands, which have spaces, calls with arguments, and environment variables.
    """
    cells = [row[1] for module in SEED for row in TABLES[module]]
    cells += [row[2] for row in TABLES["What callers get"]]
    found = {name for cell in cells for name in code(cell)}
    return {name for name in found if not name.isupper()}


def code(text: str) -> list[str]:
    return re.findall(r"`([A-Za-z_][\w.]*)`", text)


def test_counterparts_are_found_in_the_tables() -> None:
    assert {"users.create", "broker_tokens.put", "api_keys.verify"} <= counterparts()


@for_each("name", sorted(counterparts()))
def test_a_counterpart_is_named_with_its_module_and_exists(name: str) -> None:
    module, *attributes = name.split(".")
    found: object = brokers if module == "brokers" else declared.module(module)
    for attribute in attributes:
        found = getattr(found, attribute)


# The class diagram ------------------------------------------------------------------------------


def schema() -> dict[str, str]:
    """Return the text between the parentheses of each table in sql/schema.sql."""
    text = (ROOT / "sql" / "schema.sql").read_text()
    return dict(
        re.findall(r"^create table oadb\.(\w+) \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
    )


TABLES_OF_SCHEMA = schema()
RELATED = [row for row in TABLES["The class diagram"] if "foreign key" in row[-1]]


def test_every_field_and_relation_of_the_diagram_has_one_row() -> None:
    fields = {f"{name}.{field}" for name, of in DIAGRAM.items() for field in of.split()}
    named = [row[0] for row in TABLES["The class diagram"]]
    relations = [cell for cell in named if cell in RELATIONS]
    listed = [each for cell in named if cell not in RELATIONS for each in cell.split(", ")]

    assert sorted([*listed, *relations]) == sorted(fields | RELATIONS)


@for_each("row", TABLES["The class diagram"], lambda row: row[0])
def test_a_column_of_the_diagram_exists(row: Row) -> None:
    columns = [name.split(".") for cell in row[1:] for name in code(cell)]

    assert columns
    for table, column in columns:
        assert re.search(rf"^    {column} ", TABLES_OF_SCHEMA[table], re.MULTILINE), (table, column)


@for_each("row", RELATED, lambda row: row[0])
def test_a_foreign_key_is_there_where_a_row_of_the_diagram_says_so(row: Row) -> None:
    for name in code(row[1]):
        table = TABLES_OF_SCHEMA[name.partition(".")[0]]
        has_key = "foreign key (user_id) references oadb.users(user_id)" in table
        assert has_key == ("no foreign key" not in row[2])


# Defects ----------------------------------------------------------------------------------------


def labelled() -> set[int]:
    """Return the defects named in a comment, a docstring, or the name of a test."""
    texts = "\n".join(path.read_text() for path in TESTS)
    lists = re.findall(r"\bDefects? ((?:\d+(?:, | and )?)+)", texts)
    numbers = [number for each in lists for number in re.findall(r"\d+", each)]
    return {int(number) for number in (*numbers, *re.findall(r"def test_(\d\d)_", texts))}


def test_every_defect_is_named_by_a_test_or_has_a_row_that_says_why_not() -> None:
    listed = {int(row[0]) for row in TABLES["Defects"]}

    assert labelled() | listed == {*DEFECTS}
    assert labelled() & listed == set()


def test_the_tests_that_the_rows_of_defects_name_are_there() -> None:
    texts = "\n".join(path.read_text() for path in TESTS)

    for number, _, where in TABLES["Defects"]:
        assert where, number
        assert [name for name in code(where) if f"def {name}(" not in texts] == []
