"""Hostile texts in each argument of settings and bans."""

import json
from contextlib import suppress
from typing import Any

from oadb import Database, Secret, Transaction
from oadb.bans import ip_bans, trackers
from oadb.errors import SettingError
from oadb.settings import app_settings, setting_keys, smtp_settings, user_settings
from oadb.validation.said_texts import described
from tests.support.hostile import Guess, Work

NOTE = user_settings.declare("hostile.note", str, default="")
TREE = user_settings.declare("hostile.tree", dict[str, object], default={})


def setting_value(tx: Transaction, text: str) -> None:
    user_settings.put(tx, 1, NOTE.to(text))
    assert user_settings.get(tx, 1, NOTE) == text
    assert (
        user_settings.list_changes(tx, 1).rows[0].new_value
        == user_settings.list_by_user(tx, 1)[0].value
    )


def setting_tree(tx: Transaction, text: str) -> None:
    value: dict[str, object] = {"value": text, f"name {text}": [text]}
    user_settings.put(tx, 1, TREE.to(value))
    assert user_settings.get(tx, 1, TREE) == value


def setting_stored(_: Transaction, text: str) -> None:
    with suppress(SettingError):
        assert NOTE.read(text) == json.loads(text)
    with suppress(SettingError):
        assert TREE.read(text) == json.loads(text)


def setting_name(_: Transaction, text: str) -> None:
    user_settings.declare(text, int, default=1)
    assert text.isascii()
    assert len(text) <= 100
    del setting_keys._declared[text]


def trading_mode(tx: Transaction, text: Any) -> None:
    app_settings.set_trading_mode(tx, text, by=1)
    raise AssertionError(f"{text!r} was taken for a mode")


def smtp_texts(tx: Transaction, text: str) -> None:
    smtp_settings.update(tx, by=1, server=text, username=text, from_address=text, helo_name=text)
    found = smtp_settings.get(tx)
    assert {found.server, found.username, found.from_address, found.helo_name} == {text}
    assert {each.new_value for each in app_settings.list_changes(tx)} == {text}


def smtp_password(tx: Transaction, text: str) -> None:
    smtp_settings.update(tx, by=1, password=Secret(text))
    assert smtp_settings.open(tx).password == Secret(text)


def ban_ip(tx: Transaction, text: str) -> None:
    made = ip_bans.ban(tx, text, "x", by=None)
    assert ip_bans.find_by_ip(tx, text) == made
    assert ip_bans.unban(tx, text) is True


def ban_texts(tx: Transaction, text: str) -> None:
    made = ip_bans.ban(tx, "192.0.2.1", text, by=None)
    assert ip_bans.find_by_ip(tx, "192.0.2.1") == made
    assert made.reason == described(text, 500)


def exemption_network(tx: Transaction, text: str) -> None:
    exempted = ip_bans.exempt(tx, text, "x")
    assert ip_bans.unexempt(tx, text) == exempted


def exemption_reason(tx: Transaction, text: str) -> None:
    assert ip_bans.exempt(tx, "192.0.2.0/24", text) is True
    (made,) = (each for each in ip_bans.list_exemptions(tx) if not each.is_builtin)
    assert made.reason == described(text, 500)


def hit_ip(db: Database, text: str) -> None:
    assert trackers.track_not_found(db, text, "/").hits


def hit_path(db: Database, text: str) -> None:
    trackers.track_not_found(db, "192.0.2.1", text)
    (path,) = trackers.list_suspects(db, "not_found", least_hits=1).rows[0].samples
    assert not {"?", "#"} & {*path}
    assert len(path) <= 200


def hit_key(db: Database, text: str) -> None:
    trackers.track_bad_key(db, "192.0.2.1", key=Secret(text))
    (digest,) = trackers.list_suspects(db, "bad_key", least_hits=1).rows[0].samples
    assert len(digest) == 16


OPERATIONS: dict[str, list[Work]] = {
    "settings": [setting_value, setting_tree, setting_stored, setting_name],
    "app_settings": [trading_mode],
    "smtp_settings": [smtp_texts],
    "ip_bans": [ban_ip, ban_texts, exemption_network, exemption_reason],
}
SECRETS: dict[str, list[Work]] = {
    "smtp_settings": [smtp_password],
}
# A guess is counted, and its counting takes part in no transaction.
GUESSES: list[Guess] = [hit_ip, hit_path]
SECRET_GUESSES: list[Guess] = [hit_key]
