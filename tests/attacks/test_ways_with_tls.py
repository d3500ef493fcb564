"""A real server with TLS: who may be believed is, and everything looser has to be named."""

import os
from collections.abc import Generator
from ipaddress import ip_address
from pathlib import Path
from random import randrange

import pytest

from oadb import Config, Database
from oadb.engine import dsn
from oadb.errors import UnavailableError
from oadb.testing.control import ServerControl
from oadb.testing.servers import Server
from oadb.tools import transport_check
from tests.support import pool_probes as probes
from tests.support.open_servers import open_server
from tests.support.rig import Observer, eventually
from tests.support.tls import Authority

DEBIAN = Path("/usr/lib/postgresql/15/bin")

# The embedded server is built without TLS.
pytestmark = pytest.mark.skipif(
    not DEBIAN.exists(), reason="Debian's PostgreSQL 15 is not installed"
)

SECRET = "tiger-lily"

RULES = """
local all postgres trust
host all app all scram-sha-256
host all plain all password
"""


@pytest.fixture(scope="module")
def address() -> str:
    """Give an address of this host that nothing else listens on."""
    return f"127.{randrange(1, 255)}.{randrange(255)}.1"


@pytest.fixture(scope="module")
def name(address: str) -> str:
    """Give a name that every resolver knows, and that may be anywhere: the address as a number."""
    return str(int(ip_address(address)))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the right one")


@pytest.fixture(scope="module")
def server(address: str, name: str, authority: Authority) -> Generator[ServerControl]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OADB_TEST_BINDIR", str(DEBIAN))
        with open_server({"listen_addresses": address}, RULES) as control:
            arrange(control, authority, name)
            yield control


def arrange(control: ServerControl, authority: Authority, name: str) -> None:
    """Make roles, and a certificate of the server, which it then uses."""
    observer = Observer(control.url)
    for role in ("app", "plain"):
        observer.rows(f"create role {role} login password '{SECRET}'")
    certificate = authority.issue(control.data / "server.pem", name)
    owner = control.data.stat()
    certificate.chmod(0o600)
    os.chown(certificate, owner.st_uid, owner.st_gid)
    for setting in ("ssl_cert_file", "ssl_key_file"):
        observer.rows(f"alter system set {setting} = 'server.pem'")
    observer.rows("alter system set ssl = on")
    observer.rows("select pg_reload_conf()")
    eventually(lambda: observer.ask("show ssl") == "on")


@pytest.fixture
def root(authority: Authority, tmp_path: Path) -> str:
    return str(authority.write(tmp_path / "root.pem"))


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OADB_ENV", "production")


def config(server: ServerControl, name: str, user: str, **options: str) -> Config:
    place = {"host": name, "port": server.server.keywords["port"]}
    given = Server("url", {**place, "user": user, "password": SECRET, **options})
    return Config(dsn.parse(given.url("postgres")), pool_size=1, max_overflow=0)


def answer(config: Config) -> int:
    with Database(config) as db:
        return probes.one(db)


def refusal(config: Config) -> str:
    with pytest.raises(UnavailableError) as refused:
        Database(config).open()
    assert SECRET not in str(refused.value)
    return str(refused.value)


def finding(config: Config) -> str:
    with Database(config) as db:
        return " ".join(map(str, transport_check.check(db, config)))


@pytest.mark.usefixtures("production")
def test_a_server_that_proves_who_it_is_is_taken_in_production(
    server: ServerControl, name: str, root: str
) -> None:
    assert answer(config(server, name, "app", sslrootcert=root)) == 1


@pytest.mark.usefixtures("production")
def test_a_server_that_cannot_prove_who_it_is_is_refused_in_production(
    server: ServerControl, name: str, tmp_path: Path
) -> None:
    other = str(Authority("another one").write(tmp_path / "other.pem"))

    assert "certificate verify failed" in refusal(config(server, name, "app", sslrootcert=other))


@pytest.mark.usefixtures("production")
def test_a_token_is_a_password_within_tls_and_has_to_be_named_in_production(
    server: ServerControl, name: str, root: str
) -> None:
    assert "requested a cleartext password" in refusal(
        config(server, name, "plain", sslrootcert=root)
    )
    assert answer(config(server, name, "plain", sslrootcert=root, require_auth="password")) == 1


def test_a_token_within_tls_needs_nothing_but_tls_elsewhere(
    server: ServerControl, name: str
) -> None:
    assert answer(config(server, name, "plain", sslmode="require")) == 1
    assert "requested a cleartext password" in refusal(
        config(server, name, "plain", sslmode="disable")
    )


@pytest.mark.usefixtures("production")
def test_a_network_without_tls_has_to_be_named_in_production_and_gets_no_password(
    server: ServerControl, name: str
) -> None:
    assert answer(config(server, name, "app", sslmode="disable")) == 1
    assert "requested a cleartext password" in refusal(
        config(server, name, "plain", sslmode="disable")
    )


def test_the_doctor_says_what_protects_the_connection(
    server: ServerControl, name: str, root: str
) -> None:
    verified = config(server, name, "app", sslmode="verify-full", sslrootcert=root)
    pooled = Config(verified.dsn, pool_size=1, pooler="pgbouncer")

    assert finding(verified).startswith("FAIL transport: TLSv1.3 with TLS_")
    assert "signed in by a password, certificate expires 20" in finding(verified)
    assert finding(verified).endswith("; renew the certificate of the server")
    assert finding(pooled).startswith("FAIL transport: TLS, "), (
        "what the server says is of a pooler"
    )
    assert finding(config(server, name, "app", sslmode="disable")) == (
        "ok   transport: without TLS, signed in by a password"
    )
