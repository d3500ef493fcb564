"""A major upgrade by logical replication, by the runbook: every table arrives, nothing else moves.

The tables belong to a role that row-level security binds, as is recommended; so replication, which
writes as that role, would be refused where it is forced.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oadb import Database
from oadb.accounts import users
from oadb.embedded import embedded_server
from oadb.testing.control import ServerControl
from tests.support import contents
from tests.support.contents import Installation, create_database, installed
from tests.support.rig import eventually
from tests.support.runbook import CHECK, Desk, desk
from tests.support.user_rows import login
from tests.support.versions import MOVES, server_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("cheap_hashing"),
]

TITLE = "Upgrade by logical replication"
SCHEMA, PUBLISH, SUBSCRIBE, COPIED, BEHIND, SWITCH = range(1, 7)

EVENTS = "security_events"
"""That the owner may act for users again is one of them."""

# The owner gives a password, which a subscription that is not a superuser's needs.
RULES = "local all manager scram-sha-256\nlocal all all trust\n"
_MANAGER = "create role manager login replication createrole password 'secret'"


@pytest.fixture(params=MOVES)
def old(request: pytest.FixtureRequest) -> Iterator[ServerControl]:
    with server_of(request.param, {"wal_level": "logical"}, RULES) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(_MANAGER)
        create_database(server.url, "oadb", "manager")
        yield server


@pytest.fixture
def new() -> Iterator[ServerControl]:
    with server_of(embedded_server.binaries(), {}) as server:
        yield server


@pytest.fixture
def at(old: ServerControl) -> Iterator[Desk]:
    with desk(old._cluster.binaries) as at:
        yield at


# As a role that may do less than a superuser; with -m slow also as one.
@pytest.mark.parametrize(
    "subscriber", ["manager", pytest.param("postgres", marks=pytest.mark.slow)]
)
def test_every_table_arrives_and_the_schema_is_the_same(
    old: ServerControl, new: ServerControl, at: Desk, subscriber: str, tmp_path: Path
) -> None:
    source = login(old.server, "manager:secret", "oadb").replace("%3A", ":")
    installation = installed(source, tmp_path)
    at.follow("Back up", OLD=old.server.url("oadb"))
    at.follow("Restore elsewhere", NEW=new.url)
    with psycopg.connect(new.url, autocommit=True) as connection:
        connection.execute("grant pg_create_subscription to manager")
    create_database(new.url, "oadb", "manager")
    target = login(new.server, subscriber, "oadb")
    at.follow(TITLE, SCHEMA, OLD=old.server.url("oadb"), NEW=new.server.url("oadb"))
    at.follow(TITLE, PUBLISH, OLD=source)
    at.follow(TITLE, SUBSCRIBE, OLD=source, NEW=target)
    eventually(lambda: at.follow(TITLE, COPIED, NEW=target) == "0", 60)
    write_meanwhile(installation)
    eventually(lambda: at.follow(TITLE, BEHIND, OLD=source) == "0", 60)
    before = contents.sequences(source, but=EVENTS)
    at.follow(TITLE, SWITCH, OLD=source, NEW=target)

    url = login(new.server, "manager", "oadb")
    assert contents.rows_of(url, but=EVENTS) == contents.rows_of(source, but=EVENTS)
    assert contents.sequences(url, but=EVENTS) == before
    assert contents.schema(url) == contents.FILE.read_text(), "what migrations make on this version"
    assert contents.policies(url) == contents.policies(source)
    assert contents.wall_faults(url) == []
    assert installation.works(url)
    at.follow(CHECK, NEW=url, ring=installation.ring)


def write_meanwhile(installation: Installation) -> None:
    """Change rows of each kind after they were copied."""
    with Database.from_url(installation.url) as db:
        made = users.create(db, "late", "late@example.in").user_id
        users.update(db, made, first_name="Late")
        gone = users.create(db, "gone", "gone@example.in").user_id
        users.delete(db, gone)
