"""A made-up OpenAlgo installation: its tables, its encryption, and rows of every table."""

import hashlib
import json
import re
import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import argon2
from cryptography.fernet import Fernet

from oadb.tools.demonstration import example_installation

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
"""Must not appear in any message, report or log."""

TABLES = {
    found[1]: found[0]
    for found in re.finditer(
        r"create table (\w+) \(.*?\n\);", example_installation.SQL.read_text(), re.DOTALL
    )
}
FILES = {"ip_bans": "logs", "traffic_logs": "logs", "order_latency": "latency"}
"""The files of tables that are not in openalgo.db."""


@cache
def _key(pepper: str, salt: bytes) -> bytes:
    return urlsafe_b64encode(hashlib.pbkdf2_hmac("sha256", pepper.encode(), salt, 100_000, 32))


def cipher(text: str, pepper: str = PEPPER, salt: bytes = bytes.fromhex(SALT)) -> str:
    """Encrypt like OpenAlgo."""
    return Fernet(_key(pepper, salt)).encrypt(text.encode()).decode()


def hashed(text: str, pepper: str = PEPPER) -> str:
    """Hash like OpenAlgo, with cheap parameters."""
    cheap = argon2.PasswordHasher.from_parameters(argon2.profiles.CHEAPEST)
    return cheap.hash(text + pepper)


MALLORY: dict[str, object] = {
    "username": "asha",
    "email": "mallory@example.in",
    "password_hash": hashed("mallory's"),
    "totp_secret": "",
}
"""A user whose name differs only in case from that of ``Installation.add_asha``."""


@dataclass
class Installation:
    """The SQLite files of an installation."""

    folder: Path

    def __post_init__(self) -> None:
        for name, table in TABLES.items():
            self.script(FILES.get(name, "openalgo"), table)

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
        """Change a row."""
        path = self.path(FILES.get(table, "openalgo"))
        with closing(sqlite3.connect(path)) as connection, connection:
            names = ", ".join(f"{name} = ?" for name in values)
            connection.execute(
                f"update {table} set {names} where id = ?", [*values.values(), row_id]
            )

    def delete(self, table: str, row_id: int) -> None:
        self.script(FILES.get(table, "openalgo"), f"delete from {table} where id = {row_id}")

    def add_asha(self, name: str = "Asha", api_key: str = API_KEY, **other: object) -> None:
        """Add a user with a second factor, an API key and a broker token."""
        self.add(
            "users",
            {
                "username": name,
                "email": f"{name.lower()}@example.in",
                "password_hash": hashed(PASSWORD),
                "totp_secret": cipher(TOTP),
                "is_admin": 1,
                "totp_enabled": 1,
                "totp_required_for_login": 1,
                **other,
            },
        )
        self.add(
            "api_keys",
            {
                "user_id": name,
                "api_key_hash": hashed(api_key),
                "api_key_encrypted": cipher(api_key),
                "created_at": "2025-03-01 10:00:00",
                "order_mode": "semi_auto",
            },
        )
        self.add(
            "auth",
            {
                "name": name,
                "auth": cipher(ACCESS),
                "feed_token": cipher(FEED),
                "broker": "zerodha",
                "user_id": "AB1234",
                "is_revoked": 0,
            },
        )

    def add_calls(self, *times: str) -> None:
        """Add a row to order_logs for each time."""
        bodies = {"api_type": "placeorder", "request_data": "{}", "response_data": "{}"}
        self.add("order_logs", *({**bodies, "created_at": time} for time in times))

    def add_logs(self, rows: int) -> None:
        """Add rows to each log and to the login attempts, a second apart."""
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
                    "timestamp": at[:19],
                    "client_ip": "203.0.113.7",
                    "method": "POST",
                    "path": f"/strategy/webhook/{WEBHOOK}",
                    "status_code": 200,
                    "duration_ms": 12.5,
                    "host": "algo.example.in",
                },
                file="logs",
            )
            self.add(
                "order_latency",
                {
                    "timestamp": at[:19],
                    "order_id": str(number),
                    "broker": "zerodha",
                    "symbol": "SBIN",
                    "order_type": "PLACE",
                    "rtt_ms": 40.5,
                    "validation_latency_ms": 1,
                    "response_latency_ms": 2.5,
                    "overhead_ms": -0.5,
                    "total_latency_ms": 45.0,
                    "status": "SUCCESS",
                },
                file="latency",
            )
            self.add(
                "login_attempts",
                {
                    "username": "asha",
                    "ip_address": "203.0.113.7",
                    "device_info": "Firefox",
                    "status": "failed",
                    "login_type": "password",
                    "failure_reason": "password",
                    "timestamp": at,
                },
            )
