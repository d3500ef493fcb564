"""The pepper and the salts are checked before anything is written."""

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.errors import ConfigError
from tests.importing.openalgo import (
    ACCESS,
    ENVIRON,
    MALLORY,
    PEPPER,
    SALT,
    SECRETS,
    TOTP,
    Installation,
    cipher,
)
from tests.importing.running import run_import, text_of

pytestmark = pytest.mark.changes_rows

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no pepper": ({}, "API_KEY_PEPPER is not set"),
    "a short pepper": ({"API_KEY_PEPPER": "canary"}, "less than 32"),
    "another pepper": (
        {**ENVIRON, "API_KEY_PEPPER": PEPPER[::-1]},
        "API_KEY_PEPPER or FERNET_SALT",
    ),
    "another salt": ({**ENVIRON, "FERNET_SALT": "00" * 16}, "API_KEY_PEPPER or FERNET_SALT"),
    "no salt": ({"API_KEY_PEPPER": PEPPER}, "API_KEY_PEPPER or FERNET_SALT"),
    "an ignored salt": ({**ENVIRON, "FERNET_SALT": "canary"}, "API_KEY_PEPPER or FERNET_SALT"),
}


def test_a_wrong_pepper_is_refused_before_anything_is_written(
    db: Database, origin: Installation
) -> None:
    origin.add_asha()
    for environ, message in WRONG.values():
        with pytest.raises(ConfigError, match=message) as refused:
            run_import(db, origin, environ=environ)

        said = str(refused.value)
        assert not any(secret in said for secret in (*SECRETS, SALT, "canary"))
    assert users.count(db) == 0


def test_an_unproven_pepper_is_reported(db: Database, origin: Installation) -> None:
    origin.add("users", {**MALLORY, "totp_secret": TOTP})
    unproven = text_of(
        run_import(db, origin, applies=False, environ={"API_KEY_PEPPER": PEPPER[::-1]})
    )
    origin.add_asha(name="ravi")
    proven = text_of(run_import(db, origin, applies=False))

    said = "1 imported: nothing proves that API_KEY_PEPPER is right for its password (id 1)"
    assert said in unproven
    assert said not in proven


def test_secrets_encrypted_without_a_salt_are_decrypted(db: Database, origin: Installation) -> None:
    origin.add_asha()
    origin.change("auth", 1, auth=cipher(ACCESS, PEPPER, b"openalgo_static_salt"))
    reports = run_import(db, origin)

    assert reports["auth"].written == 1
