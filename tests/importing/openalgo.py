"""An OpenAlgo installation, as its tables and its ciphers are described."""

import hashlib
import json
import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import argon2
from cryptography.fernet import Fernet

PEPPER = "canary-pepper-" + "7f3a" * 8
SALT = "5e" * 16
ENVIRON = {"API_KEY_PEPPER": PEPPER, "FERNET_SALT": SALT}

PASSWORD = "canary-password-1"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
API_KEY = "c0ffee" + "ab12cd34" * 7 + "99"
ACCESS, FEED = "canary-access-token", "canary-feed-token"
WEBHOOK = "0b3f5a3e-1c55-4c5e-9a4e-7a11c0de0001"
SCAN = "1b3f5a3e-1c55-4c5e-9a4e-7a11c0de0002"
SMTP = "canary-smtp-password"

SECRETS = (PEPPER, PASSWORD, TOTP, API_KEY, ACCESS, FEED, WEBHOOK, SCAN, SMTP)
"""What must not show anywhere."""

MAIN = """
create table users (id integer primary key, username varchar(80) not null unique,
    email varchar(120) not null unique, password_hash varchar(255) not null,
    totp_secret varchar(255) not null, is_admin boolean,
    totp_enabled boolean not null default 0, totp_required_for_login boolean not null default 0,
    totp_required_for_mcp boolean not null default 0,
    totp_required_for_password_reset boolean not null default 0);
create table auth (id integer primary key, name varchar(255) not null unique, auth text not null,
    feed_token text, broker varchar(20) not null, user_id varchar(255), is_revoked boolean,
    secret_api_key text, primary_ip varchar(45), secondary_ip varchar(45),
    ip_updated_at datetime, aux_param1 text, aux_param2 text, aux_param3 text, aux_param4 text);
create table api_keys (id integer primary key, user_id varchar not null unique,
    api_key_hash text not null, api_key_encrypted text not null,
    created_at datetime default current_timestamp, order_mode varchar(20) default 'auto');
create table active_sessions (id integer primary key, username varchar(255) not null);
create table login_attempts (id integer primary key, username varchar(255) not null,
    ip_address varchar(45), device_info varchar(500), status varchar(20) not null,
    login_type varchar(20), broker varchar(20), failure_reason varchar(255), timestamp datetime);
create table symtoken (id integer primary key, symbol varchar not null, brsymbol varchar not null,
    name varchar, exchange varchar, brexchange varchar, token varchar, expiry varchar,
    strike float, lotsize integer, instrumenttype varchar, tick_size float, contract_value float);
create table order_logs (id integer primary key, api_type text not null,
    request_data text not null, response_data text not null, created_at datetime);
create table analyzer_logs (id integer primary key, api_type varchar(50) not null,
    request_data text not null, response_data text not null, created_at datetime);
"""
PLATFORM = """
create table settings (id integer primary key, analyze_mode boolean default 0,
    smtp_server varchar(255), smtp_port integer, smtp_username varchar(255),
    smtp_password_encrypted text, smtp_use_tls boolean default 1, smtp_from_email varchar(255),
    smtp_helo_hostname varchar(255), security_auto_ban_enabled boolean default 0,
    security_404_threshold integer default 100, security_404_ban_duration integer default 0,
    security_api_threshold integer default 100, security_api_ban_duration integer default 0,
    security_repeat_offender_limit integer default 2);
create table strategies (id integer primary key, name varchar(255) not null,
    webhook_id varchar(36) not null unique, user_id varchar(255) not null,
    platform varchar(50) not null default 'tradingview', is_active boolean default 1,
    is_intraday boolean default 1, trading_mode varchar(10) not null default 'LONG',
    start_time varchar(5), end_time varchar(5), squareoff_time varchar(5),
    created_at datetime default current_timestamp, updated_at datetime);
create table strategy_symbol_mappings (id integer primary key, strategy_id integer not null,
    symbol varchar(50) not null, exchange varchar(10) not null, quantity integer not null,
    product_type varchar(10) not null, created_at datetime, updated_at datetime);
create table chartink_strategies (id integer primary key, name varchar(255) not null,
    webhook_id varchar(36) not null unique, user_id varchar(255) not null,
    is_active boolean default 1, is_intraday boolean default 1, start_time varchar(5),
    end_time varchar(5), squareoff_time varchar(5),
    created_at datetime default current_timestamp, updated_at datetime);
create table chartink_symbol_mappings (id integer primary key, strategy_id integer not null,
    chartink_symbol varchar(50) not null, exchange varchar(10) not null,
    quantity integer not null, product_type varchar(10) not null, created_at datetime,
    updated_at datetime);
"""
LOGS = """
create table ip_bans (id integer primary key, ip_address varchar(50) not null unique,
    ban_reason varchar(200), ban_count integer default 1,
    banned_at datetime default current_timestamp, expires_at datetime, is_permanent boolean,
    created_by varchar(50) default 'system');
create table traffic_logs (id integer primary key, timestamp datetime default current_timestamp,
    client_ip varchar(50) not null, method varchar(10) not null, path varchar(500) not null,
    status_code integer not null, duration_ms float not null, host varchar(500),
    error varchar(500), user_id integer);
"""
LATENCY = """
create table order_latency (id integer primary key, timestamp datetime default current_timestamp,
    order_id varchar(100) not null, user_id integer, broker varchar(50), symbol varchar(50),
    order_type varchar(20), rtt_ms float, validation_latency_ms float, response_latency_ms float,
    overhead_ms float, total_latency_ms float not null, request_body json, response_body json,
    status varchar(20), error varchar(500));
"""


@cache
def _key(pepper: str, salt: bytes) -> bytes:
    return urlsafe_b64encode(hashlib.pbkdf2_hmac("sha256", pepper.encode(), salt, 100_000, 32))


def cipher(text: str, pepper: str = PEPPER, salt: bytes = bytes.fromhex(SALT)) -> str:
    """Encrypt as OpenAlgo does."""
    return Fernet(_key(pepper, salt)).encrypt(text.encode()).decode()


def hashed(text: str, pepper: str = PEPPER) -> str:
    """Hash as OpenAlgo does, cheaply."""
    cheap = argon2.PasswordHasher.from_parameters(argon2.profiles.CHEAPEST)
    return cheap.hash(text + pepper)


@dataclass
class Installation:
    """The files of an installation; rows are added by table and column."""

    folder: Path

    def __post_init__(self) -> None:
        for name, schema in {"openalgo": MAIN + PLATFORM, "logs": LOGS, "latency": LATENCY}.items():
            self.script(name, schema)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.db"

    def script(self, name: str, text: str) -> None:
        with closing(sqlite3.connect(self.path(name))) as connection:
            connection.executescript(text)

    def add(self, table: str, *rows: dict[str, object], file: str = "openalgo") -> None:
        with closing(sqlite3.connect(self.path(file))) as connection, connection:
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(
                    f"insert into {table} ({', '.join(row)}) values ({marks})", [*row.values()]
                )

    def change(self, table: str, row_id: int, **values: object) -> None:
        """Change a row of the main file."""
        with closing(sqlite3.connect(self.path("openalgo"))) as connection, connection:
            names = ", ".join(f"{name} = ?" for name in values)
            connection.execute(
                f"update {table} set {names} where id = ?", [*values.values(), row_id]
            )

    def add_asha(self, name: str = "Asha", api_key: str = API_KEY, **other: object) -> None:
        """Add a user who has everything."""
        self.add(
            "users",
            {
                "username": name, "email": f"{name.lower()}@example.in",
                "password_hash": hashed(PASSWORD), "totp_secret": cipher(TOTP), "is_admin": 1,
                "totp_enabled": 1, "totp_required_for_login": 1, **other,
            },
        )  # fmt: skip
        self.add(
            "api_keys",
            {
                "user_id": name, "api_key_hash": hashed(api_key),
                "api_key_encrypted": cipher(api_key), "created_at": "2025-03-01 10:00:00",
                "order_mode": "semi_auto",
            },
        )  # fmt: skip
        self.add(
            "auth",
            {
                "name": name, "auth": cipher(ACCESS), "feed_token": cipher(FEED),
                "broker": "zerodha", "user_id": "AB1234", "is_revoked": 0,
            },
        )  # fmt: skip

    def add_logs(self, rows: int) -> None:
        """Add as many rows to each log, a second apart."""
        for number in range(rows):
            at = f"2025-07-31 09:{15 + number // 60 % 40:02}:{number % 60:02}.123456"
            body = json.dumps({"apikey": API_KEY, "symbol": "SBIN", "quantity": number})
            answer = json.dumps({"status": "success", "orderid": f"25073100000{number}"})
            bodies = {"request_data": body, "response_data": answer, "created_at": at}
            self.add("order_logs", {"api_type": "placeorder", **bodies})
            self.add("analyzer_logs", {"api_type": "placeorder", **bodies})
            self.add(
                "traffic_logs",
                {
                    "timestamp": at[:19], "client_ip": "203.0.113.7", "method": "POST",
                    "path": f"/strategy/webhook/{WEBHOOK}", "status_code": 200,
                    "duration_ms": 12.5, "host": "algo.example.in",
                },
                file="logs",
            )  # fmt: skip
            self.add(
                "order_latency",
                {
                    "timestamp": at[:19], "order_id": str(number), "broker": "zerodha",
                    "symbol": "SBIN", "order_type": "PLACE", "rtt_ms": 40.5,
                    "validation_latency_ms": 1, "response_latency_ms": 2.5, "overhead_ms": -0.5,
                    "total_latency_ms": 45.0, "status": "SUCCESS",
                },
                file="latency",
            )  # fmt: skip
            self.add(
                "login_attempts",
                {
                    "username": "asha", "ip_address": "203.0.113.7", "device_info": "Firefox",
                    "status": "failed", "login_type": "password", "failure_reason": "password",
                    "timestamp": at,
                },
            )  # fmt: skip
