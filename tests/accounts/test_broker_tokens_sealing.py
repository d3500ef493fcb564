"""Broker tokens are sealed, each value for its row and column, and rewrapped."""

import pytest

from oadb import Config, Database, Secret
from oadb.accounts import broker_tokens
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.errors import SealError
from oadb.keys import proof, rotation
from oadb.security.refusals import Refusal
from tests.support.accounts import new_user
from tests.support.broker_logins import SEALED, got, put, tokens
from tests.support.proving import TWO, opened
from tests.support.rig import Observer


def test_the_columns_have_no_plaintext(db: Database, observer: Observer, user_id: int) -> None:
    given = tokens()
    put(db, user_id, given)
    ((row,),) = observer.rows(
        "select b::text from oadb.broker_tokens as b where user_id = %s", user_id
    )

    assert b"canary".hex() not in row
    assert "canary" not in row
    assert b"api_secret".hex() not in row


@pytest.mark.parametrize("column", SEALED)
def test_a_value_of_another_user_is_not_opened(
    db: Database, observer: Observer, user_id: int, column: str
) -> None:
    other = new_user(db)
    for who in (user_id, other):
        put(db, who, tokens())
    observer.rows(
        f"update oadb.broker_tokens set {column} = other.{column} from oadb.broker_tokens as other "
        "where broker_tokens.user_id = %s and other.user_id = %s",
        user_id,
        other,
    )

    with pytest.raises(SealError) as refused:
        broker_tokens.open(db, user_id, "zerodha")
    assert "canary" not in str(refused.value)
    assert isinstance(broker_tokens.open(db, other, "zerodha"), BrokerToken)


@pytest.mark.parametrize(
    "change",
    [
        "refresh_token = feed_token, feed_token = refresh_token",
        "access_token = refresh_token",
        "parameters = access_token",
        "broker = 'angel'",
        "access_token = set_byte(access_token, 20, get_byte(access_token, 20) # 1)",
        "feed_token = substr(feed_token, 1, length(feed_token) - 1)",
    ],
)
@pytest.mark.holds("F48")
def test_a_value_that_was_swapped_moved_altered_or_cut_is_not_opened(
    db: Database, observer: Observer, user_id: int, change: str
) -> None:
    put(db, user_id, tokens())
    observer.rows(f"update oadb.broker_tokens set {change} where user_id = %s", user_id)

    with pytest.raises(SealError):
        broker_tokens.open(db, user_id, "angel" if "angel" in change else "zerodha")
    with pytest.raises(SealError):
        broker_tokens.open_current(db, user_id)


def test_neither_a_new_root_key_nor_a_rewrap_counts_as_a_change(
    config: Config, oadb_database_url: str
) -> None:
    given = tokens()
    observer = Observer(oadb_database_url)
    with opened(config, TWO) as before, opened(config, TWO.with_primary(2)) as after:
        made = [new_user(before) for _ in range(3)]
        for who in made:
            put(before, who, given)
        put(before, made[0], Tokens(Secret("alone")), "angel")
        put(before, made[1], given, "angel")
        broker_tokens.revoke(before, made[1], "angel")
        proof.admit(before, 2)

        assert not put(after, made[0], given)
        assert not put(before, made[0], given)
        batches = [rotation.rewrap(after, broker_tokens.SEALED, 1, 3) for _ in range(3)]
        assert [batch.rows for batch in batches] == [3, 1, 0]
        assert observer.rows("select distinct key_id from oadb.broker_tokens order by 1") == [
            (2,),
            (None,),
        ]
        assert [got(after, who).tokens for who in made] == [given] * 3
        assert got(after, made[0], "angel").tokens == Tokens(Secret("alone"))
        assert not put(after, made[0], given)
        assert not put(before, made[1], given)
        assert broker_tokens.open(after, made[1], "angel") is Refusal.REVOKED
        assert put(after, made[1], Tokens(Secret("new")))


def test_a_rewrap_does_not_replace_tokens_that_were_put_meanwhile(config: Config) -> None:
    with opened(config, TWO) as before, opened(config, TWO.with_primary(2)) as after:
        who, fresh = new_user(before), tokens()
        put(before, who, tokens())
        proof.admit(before, 2)
        (found,) = rotation._list_under_key(after, "broker_tokens", 1, 0, 10)
        put(before, who, fresh)
        stale = found.sealed[:1]

        changed = broker_tokens._reseal(
            after, [who], ["zerodha"], stale, stale, [b""], [b""], [b""], [b"\0" * 32]
        )

        assert changed == 0
        assert got(after, who).tokens == fresh
