"""The doctor says how it reaches the server, and what is wrong with that."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oadb import Config, Database
from oadb.engine import dsn
from oadb.testing.servers import Server
from oadb.tools import transport_check
from oadb.tools.findings import Finding
from oadb.tools.transport_check import Route, SessionSecurity
from tests.support.asking import HOST
from tests.support.open_servers import open_server
from tests.support.rig import Observer, eventually
from tests.support.tls import Authority, front

SECURE = SessionSecurity(
    is_encrypted=True, protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", method="scram-sha-256"
)
CLEAR = SessionSecurity(is_encrypted=False, protocol=None, cipher=None, method="scram-sha-256")
FAR = datetime(9999, 1, 2, tzinfo=UTC)

VERIFIED = Route(
    is_remote=True,
    has_tls=True,
    sslmode="verify-full",
    can_refuse=True,
    used_password=True,
    session=SECURE,
    expires=FAR,
)
OPEN = replace(VERIFIED, has_tls=False, sslmode=None, session=CLEAR, expires=None)


def said(route: Route) -> str:
    return str(transport_check.finding(route))


def test_a_verified_server_is_fine() -> None:
    assert said(VERIFIED) == (
        "ok   transport: TLSv1.3 with TLS_AES_256_GCM_SHA384, signed in by scram-sha-256, "
        "certificate expires 9999-01-02"
    )


def test_who_answers_can_be_checked_as_well() -> None:
    assert said(replace(VERIFIED, sslmode="require", session=None, expires=None)) == (
        "ok   transport: TLS, signed in by a password, certificate expires at an unknown time; "
        "to check who answers as well, set sslmode=verify-full in DATABASE_URL"
    )


@pytest.mark.parametrize("left", [timedelta(days=-1), timedelta(days=29)])
def test_a_certificate_that_expires_soon_is_wrong(left: timedelta) -> None:
    expires = datetime.now(UTC) + left

    assert said(replace(VERIFIED, expires=expires)) == (
        "FAIL transport: TLSv1.3 with TLS_AES_256_GCM_SHA384, signed in by scram-sha-256, "
        f"certificate expires {expires:%Y-%m-%d}; renew the certificate of the server"
    )


def test_a_network_without_tls_is_wrong_unless_the_url_says_so() -> None:
    assert said(OPEN) == (
        "FAIL transport: without TLS, signed in by scram-sha-256; what is sent can be read on the "
        "way: set sslmode=verify-full in DATABASE_URL, or sslmode=disable to say it may be so"
    )
    assert said(replace(OPEN, sslmode="disable")) == (
        "ok   transport: without TLS, signed in by scram-sha-256"
    )


def test_a_password_in_clear_is_wrong_whatever_the_url_says() -> None:
    plain = replace(OPEN, sslmode="disable", session=replace(CLEAR, method="password"))

    assert said(plain) == (
        "FAIL transport: without TLS, signed in by password; the password travels in clear: "
        "set sslmode=verify-full in DATABASE_URL"
    )
    assert transport_check.finding(replace(plain, has_tls=True)).ok, "such as a token over TLS"


def test_a_libpq_that_cannot_refuse_is_wrong_without_tls() -> None:
    old = replace(OPEN, sslmode="disable", can_refuse=False)

    assert "FAIL transport: " in said(old)
    assert "a libpq before 16 sends the password in clear if a server asks" in said(old)
    assert transport_check.finding(replace(old, used_password=False)).ok
    assert transport_check.finding(replace(old, has_tls=True)).ok


def test_within_this_machine_nothing_is_needed() -> None:
    assert said(replace(OPEN, is_remote=False, used_password=False, session=None)) == (
        "ok   transport: within this machine, without TLS, signed in without a password"
    )


def found(config: Config) -> Finding:
    with Database(config) as db:
        (finding,) = transport_check.check(db, config)
    return finding


def test_the_connection_to_a_socket_is_described(shared_url: str) -> None:
    finding = found(Config(dsn.parse(shared_url), pool_size=1))

    assert finding.ok
    assert finding.text.startswith("within this machine, without TLS, signed in ")


@pytest.mark.long("starts a server")
def test_the_method_is_that_of_the_server() -> None:
    with open_server({}, "local all app scram-sha-256\nlocal all all trust\n") as server:
        observer = Observer(server.url)
        observer.rows("create role app login password 'hunter2'")
        url = f"{server.url.replace('postgres@', 'app:hunter2@')}"
        eventually(lambda: "signed in by" in found(Config(dsn.parse(url), pool_size=1)).text)
        knows = observer.ask("select current_setting('server_version_num')::int >= 160000")
        text = found(Config(dsn.parse(url), pool_size=1)).text

    assert text.endswith(f"signed in by {'scram-sha-256' if knows else 'a password'}")


@contextmanager
def offering(url: str, folder: Path, valid: timedelta) -> Generator[Config]:
    """Give the configuration for a server with TLS, at an address that is not of loopback."""
    keywords = dsn.parse(url).keywords
    certificate = Authority("somebody").issue(folder / "server.pem", HOST, valid=valid)
    with front(f"{keywords['host']}/.s.PGSQL.{keywords.get('port', '5432')}", certificate) as made:
        through = {**keywords, "host": HOST, "port": str(made.port), "sslmode": "require"}
        yield Config(dsn.parse(Server("url", through).url(keywords["dbname"])), pool_size=1)


def test_the_certificate_of_the_server_is_looked_at(shared_url: str, tmp_path: Path) -> None:
    with offering(shared_url, tmp_path, timedelta(days=90, hours=1)) as config:
        fine = found(config)
    with offering(shared_url, tmp_path, timedelta(days=10)) as config:
        wrong = found(config)

    assert fine.ok
    assert fine.text.startswith("TLS, signed in ")
    assert ", certificate expires " in fine.text
    assert not wrong.ok
    assert wrong.text.endswith("; renew the certificate of the server")
