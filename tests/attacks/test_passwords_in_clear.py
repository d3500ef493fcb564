"""No server beyond this machine gets a password in clear, whatever it asks for."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.engine import dsn, transport
from oadb.engine.binding.packages import find
from oadb.errors import Error
from oadb.importing import postgresql_source
from oadb.testing.servers import Server
from oadb.tools import health
from oadb.tools.contract import comparison
from oadb.tools.migrations import runner
from tests.support.asking import SECRET, Asking, asking
from tests.support.tls import Authority

NAME = "database.example"


def open_pool(url: str) -> None:
    Database.from_url(url).open()


def open_async_pool(url: str) -> None:
    async def work() -> None:
        async with AsyncDatabase.from_url(url):
            pass

    asyncio.run(work())


def listen(url: str) -> None:
    with Database.from_url(url).listen("news"):
        pass


def migrate(url: str) -> None:
    runner.migrate(dsn.parse(url))


def check(url: str) -> None:
    list(comparison.check(Config(dsn.parse(url)), [find("oadb")]))


def examine(url: str) -> None:
    list(health.examine(Config(dsn.parse(url)), [find("oadb")]))


def read_openalgo(url: str) -> None:
    with postgresql_source.opened(url):
        pass


def make_test_database(url: str) -> None:
    with Server("url", dsn.parse(url).keywords).template(str):
        pass


CONNECTING = [
    open_pool,
    open_async_pool,
    listen,
    migrate,
    check,
    examine,
    read_openalgo,
    make_test_database,
]


@pytest.fixture
def server() -> Generator[Asking]:
    with asking() as made:
        yield made


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OADB_ENV", "production")


@pytest.fixture
def authority() -> Authority:
    return Authority("the right one")


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Generator[Asking]:
    """Give a server that asks in the same way, with TLS and a right certificate."""
    with asking(authority.issue(tmp_path / "server.pem", NAME)) as made:
        yield made


@pytest.fixture
def root(authority: Authority, tmp_path: Path) -> str:
    return str(authority.write(tmp_path / "root.pem"))


def told(server: Asking, connect: Callable[[str], None], **options: str) -> list[str]:
    """Connect, which cannot succeed; return the passwords that the server was told."""
    with suppress(Error, psycopg.Error):
        connect(server.url(**options))
    return sorted({*server.passwords})


@pytest.mark.parametrize("connect", CONNECTING)
def test_nothing_sends_a_password_in_clear(server: Asking, connect: Callable[[str], None]) -> None:
    assert told(server, connect) == []
    assert server.clients, "it has asked"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_no_mode_without_tls_sends_a_password_in_clear(server: Asking, mode: str) -> None:
    assert told(server, open_pool, sslmode=mode) == []
    assert server.clients


def test_variables_of_libpq_do_not_loosen_it(
    server: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGREQUIREAUTH", "password")
    monkeypatch.setenv("PGSSLMODE", "disable")

    assert told(server, open_pool) == []
    assert server.clients


def test_the_refusal_says_why_and_not_the_password(server: Asking) -> None:
    with pytest.raises(Error, match="requested a cleartext password") as refused:
        open_pool(server.url())

    assert SECRET not in str(refused.value)


def test_a_password_is_sent_in_clear_if_the_url_names_that_method(server: Asking) -> None:
    assert told(server, open_pool, require_auth="password", sslmode="disable") == [SECRET]


def test_a_password_within_tls_is_sent(secure: Asking) -> None:
    """Such as a token of a cloud's identity service."""
    assert told(secure, open_pool, sslmode="require") == [SECRET]


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("connect", CONNECTING[:-1])
def test_in_production_nobody_is_asked_without_tls(
    server: Asking, connect: Callable[[str], None]
) -> None:
    assert told(server, connect) == []
    assert server.clients == 0, "no client got as far"


@pytest.mark.usefixtures("production")
def test_in_production_a_certificate_of_another_authority_is_refused(
    secure: Asking, tmp_path: Path
) -> None:
    other = str(Authority("another one").write(tmp_path / "other.pem"))

    assert told(secure, open_pool, host=NAME, hostaddr="0.0.0.0", sslrootcert=other) == []
    assert secure.clients == 0


@pytest.mark.usefixtures("production")
def test_in_production_even_the_right_server_gets_no_password_unless_it_is_named(
    secure: Asking, root: str
) -> None:
    place = {"host": NAME, "hostaddr": "0.0.0.0", "sslrootcert": root}

    assert told(secure, open_pool, **place) == []
    assert secure.clients
    assert told(secure, open_pool, **place, require_auth="password") == [SECRET]


@pytest.mark.usefixtures("production")
def test_in_production_tls_is_given_up_only_by_name_and_still_without_a_password(
    server: Asking,
) -> None:
    assert told(server, open_pool, sslmode="disable") == []
    assert server.clients


def test_a_libpq_that_cannot_refuse_requires_tls(
    server: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport.pq, "version", lambda: transport.REFUSING_LIBPQ - 1)

    assert told(server, open_pool) == []
    assert server.clients == 0
