"""An id names a row of its user alone: that of another user with the same id is another row."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from secrets import token_bytes
from uuid import UUID

import pytest

from oadb import Database, Secret
from oadb.accounts import api_keys, known_clients, one_time_tokens, sessions
from tests.support.accounts import account, issue, new_user
from tests.support.rig import Observer

Act = Callable[[Database, int, UUID, Secret], object]


def session_of(db: Database, user_id: int) -> Secret:
    return sessions.create(db, account(db, user_id)).token


def key_of(db: Database, user_id: int) -> Secret:
    return issue(db, user_id, keep_token=True).token


def mail_of(db: Database, user_id: int) -> Secret:
    address = f"new{user_id}@example.in"
    return one_time_tokens.create(db, user_id, "email_change", new_email=address).token


def device_of(db: Database, user_id: int) -> Secret:
    known_clients._add_device(db, user_id, token_bytes(32))
    return Secret("none")


def renew(db: Database, user_id: int, device_id: UUID, _: Secret) -> bool:
    known_clients._renew_device(db, user_id, device_id, token_bytes(32))
    return True


def see(db: Database, user_id: int, session_id: UUID, _: Secret) -> bool:
    found = sessions.get(db, user_id, session_id)
    assert found is not None
    seen_at = found.last_seen_at + timedelta(hours=1)
    return sessions._note_seen(db, user_id, session_id, seen_at, seen_at) == 1


KINDS: dict[tuple[str, str], tuple[Callable[[Database, int], Secret], Mapping[str, Act]]] = {
    ("sessions", "session_id"): (
        session_of,
        {
            "see": see,
            "set data": lambda db, user, i, _: sessions.set_data(db, user, i, {"theme": "dark"}),
            "end": lambda db, user, i, _: sessions.end(db, user, i),
        },
    ),
    ("api_keys", "api_key_id"): (
        key_of,
        {
            "read": lambda db, user, i, _: api_keys.get(db, user, i),
            "read its mode": lambda db, user, i, _: api_keys.get_order_mode(db, user, i),
            "open": lambda db, user, i, _: api_keys.open_kept(db, user, i),
            "rename": lambda db, user, i, _: api_keys.rename(db, user, i, "another"),
            "set scopes": lambda db, user, i, _: api_keys.set_scopes(db, user, i, ["orders"]),
            "set mode": lambda db, user, i, _: api_keys.set_order_mode(db, user, i, "semi_auto"),
            "rotate": lambda db, user, i, _: api_keys.rotate(db, user, i),
            "revoke": lambda db, user, i, _: api_keys.revoke(db, user, i),
        },
    ),
    ("one_time_tokens", "token_id"): (
        mail_of,
        {"use": lambda db, _, __, token: one_time_tokens.change_email(db, token)},
    ),
    ("known_devices", "device_id"): (device_of, {"renew": renew}),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
def test_the_row_of_another_user_with_the_same_id_stays_as_it_is(
    kind: tuple[str, str], db: Database, observer: Observer, user_id: int
) -> None:
    (table, column), (make, acts) = kind, KINDS[kind]
    token, other = make(db, user_id), new_user(db)
    make(db, other)
    row_id = observer.ask(f"select {column} from oadb.{table} where user_id = %s", user_id)
    observer.rows(f"update oadb.{table} set {column} = %s where user_id = %s", row_id, other)
    row = f"select to_jsonb(kept) from oadb.{table} as kept where user_id = %s"
    before = observer.ask(row, other)

    assert before is not None
    assert [name for name, act in acts.items() if not act(db, user_id, row_id, token)] == []
    assert observer.ask(row, other) == before
