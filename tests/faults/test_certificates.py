"""With sslmode=verify-full no server is believed without its certificate, and none in clear."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from oadb.engine import dsn
from oadb.errors import UnavailableError
from oadb.testing.servers import Server
from tests.support import pool_probes as probes
from tests.support.rig import Connect
from tests.support.tls import REQUEST, Authority, Front, front

pytestmark = pytest.mark.fault

_HOST = "database.example"
_SECRET = "tiger-lily"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the right one")


@pytest.fixture
def root(authority: Authority, tmp_path: Path) -> Path:
    """Give the file of the authority that clients believe."""
    return authority.write(tmp_path / "root.pem")


@contextmanager
def offering(url: str, certificate: Path | None) -> Generator[Front]:
    keywords = dsn.parse(url).keywords
    with front(f"{keywords['host']}/.s.PGSQL.{keywords['port']}", certificate) as made:
        yield made


def verifying(made: Front, root: Path) -> str:
    """Return a DATABASE_URL that takes a verified server only."""
    keywords = {
        "host": _HOST,
        "hostaddr": "127.0.0.1",
        "port": str(made.port),
        "user": "postgres",
        "password": _SECRET,
        "sslmode": "verify-full",
        "sslrootcert": str(root),
    }
    return Server("url", keywords).url("postgres")


def refusal(connect: Connect, made: Front, root: Path) -> str:
    """Open a database that must be refused; return why, after checking what was sent in clear."""
    db = connect(verifying(made, root), pool_size=1)
    with pytest.raises(UnavailableError) as refused:
        db.open()
    assert made.received
    assert {bytes(clear) for clear in made.received} == {REQUEST}, "nothing else in clear text"
    assert _SECRET not in str(refused.value)
    return str(refused.value)


def test_a_server_with_the_right_certificate_is_taken(
    connect: Connect, url: str, authority: Authority, root: Path, tmp_path: Path
) -> None:
    certificate = authority.issue(tmp_path / "server.pem", _HOST)
    with offering(url, certificate) as made:
        assert probes.one(connect(verifying(made, root), pool_size=1, max_overflow=0)) == 1
        assert {bytes(clear) for clear in made.received} == {REQUEST}


@pytest.mark.holds("F54", "I6", "I7")
def test_a_certificate_of_another_authority_is_refused(
    connect: Connect, url: str, root: Path, tmp_path: Path
) -> None:
    certificate = Authority("another one").issue(tmp_path / "server.pem", _HOST)
    with offering(url, certificate) as made:
        assert "certificate verify failed" in refusal(connect, made, root)


@pytest.mark.holds("F54", "I6", "I7")
def test_a_certificate_that_has_expired_is_refused(
    connect: Connect, url: str, authority: Authority, root: Path, tmp_path: Path
) -> None:
    certificate = authority.issue(tmp_path / "server.pem", _HOST, valid=timedelta(days=-1))
    with offering(url, certificate) as made:
        # The text is that of OpenSSL, which says no more than this.
        assert "certificate verify failed" in refusal(connect, made, root)


@pytest.mark.holds("F54", "I6", "I7")
def test_a_certificate_of_another_host_is_refused(
    connect: Connect, url: str, authority: Authority, root: Path, tmp_path: Path
) -> None:
    certificate = authority.issue(tmp_path / "server.pem", "another.example")
    with offering(url, certificate) as made:
        said = refusal(connect, made, root)
    assert 'server certificate for "another.example"' in said
    assert f'does not match host name "{_HOST}"' in said


@pytest.mark.holds("F54", "I6", "I7")
def test_a_server_without_tls_is_refused_and_gets_nothing_in_clear(
    connect: Connect, url: str, root: Path
) -> None:
    with offering(url, None) as made:
        assert "server does not support SSL, but SSL was required" in refusal(connect, made, root)
