"""Who can write to the database, without the keys, must not have the mail password sent to him."""

import pytest

from oadb import Database, Secret
from oadb.errors import SealError
from oadb.settings import smtp_settings
from tests.support.rig import Observer

REDIRECTIONS = {
    "another server": ("server = 'mail.attacker.example'", "server = 'mail.example.in'"),
    "another port": ("port = 25", "port = 587"),
    "another user": ("user_name = 'attacker'", "user_name = 'asha'"),
    "no TLS": ("is_tls_used = false", "is_tls_used = true"),
    "no server": ("server = null", "server = 'mail.example.in'"),
}


@pytest.mark.parametrize("name", REDIRECTIONS)
def test_a_password_is_not_opened_for_a_server_that_it_was_not_given_for(
    db: Database, oadb_database_url: str, name: str
) -> None:
    observer = Observer(oadb_database_url)
    redirect, undo = REDIRECTIONS[name]
    password = Secret("what the mail server asks for")
    smtp_settings.update(
        db, by=None, server="mail.example.in", port=587, username="asha", password=password
    )

    observer.rows(f"update oadb.smtp_settings set {redirect}")
    with pytest.raises(SealError):
        smtp_settings.open(db)
    assert smtp_settings.get(db).has_password, "what is not secret can be read"
    observer.rows(f"update oadb.smtp_settings set {undo}")
    assert smtp_settings.open(db).password == password


def test_an_address_of_the_sender_may_change_without_the_password(db: Database) -> None:
    smtp_settings.update(db, by=None, server="mail.example.in", password=Secret("known"))
    assert smtp_settings.update(db, by=None, from_address="asha@example.in", helo_name="host")
    assert smtp_settings.open(db).password == Secret("known")
