"""What the tests of user settings share: a database and users, keys of each type."""

from collections.abc import Generator
from itertools import count

import pytest

from oadb import Config, Database
from oadb.accounts import users
from oadb.settings import user_settings
from tests.conftest import RING, configured
from tests.support.rig import Observer

numbers = count(1)

THEME = user_settings.declare("test.theme", str, default="light", choices=("light", "dark"))
SIZE = user_settings.declare("test.page_size", int, default=50, least=0, most=1000)
WIDE = user_settings.declare("test.wide", float, default=0.0)
RISK = user_settings.declare("test.risk", float, default=1.5, least=0, most=100)
BELL = user_settings.declare("test.bell", bool, default=True)
NOTE = user_settings.declare("test.note", str, default="", most=70_000)
LAYOUT = user_settings.declare("test.layout", dict[str, object], default={"panes": 1}, most=10)
EVEN = user_settings.declare("test.even", int, default=0, check=lambda value: value % 2 == 0)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture
def user_id(db: Database) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


def store(observer: Observer, user_id: int, name: str, value: str) -> None:
    """Store JSON without any check, as another release or a DBA may have done."""
    observer.rows(
        "insert into oadb.settings (user_id, name, value) values (%s, %s, %s)",
        user_id,
        name,
        value,
    )
