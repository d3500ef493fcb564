"""What libpq is told about TLS and signing in, by where the server is and what the URL names."""

import pytest

from oadb import Config
from oadb.engine import dsn, transport

REMOTE = "postgresql://asha:hunter2@db.internal/trading"

VARIABLES = ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSSLMODE", "PGREQUIREAUTH", "OADB_ENV"]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the variables of the user who runs the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def chosen(url: str, **variables: str) -> dict[str, str]:
    """Return what of the keywords is about TLS and signing in."""
    config = Config.from_env({"DATABASE_URL": url, **variables})
    keywords = config.connection_keywords()
    return {key: keywords[key] for key in ("sslmode", "require_auth") if key in keywords}


@pytest.mark.parametrize(
    "place",
    [
        "/trading",
        "/trading?host=/run/postgresql",
        "/trading?host=%40abstract",
        "localhost/trading",
        "LOCALHOST:6432/trading",
        "127.0.0.1/trading",
        "127.8.9.10/trading",
        "[::1]/trading",
        "localhost,127.0.0.1/trading",
        "db.internal/trading?hostaddr=127.0.0.1",
        "one,/trading?hostaddr=127.0.0.1,",
    ],
)
@pytest.mark.parametrize("kind", ["", "production"])
def test_a_server_on_this_machine_is_reached_as_libpq_does(place: str, kind: str) -> None:
    assert chosen(f"postgresql://{place}", OADB_ENV=kind) == {}


@pytest.mark.parametrize(
    "place",
    [
        "db.internal/trading",
        "10.0.0.7/trading",
        "0.0.0.0/trading",
        "[2001:db8::7]/trading",
        "[fe80::1%25eth0]/trading",
        "2130706433/trading",
        "localhost.example/trading",
        "localhost,db.internal/trading",
        "localhost/trading?hostaddr=10.0.0.7",
        "localhost,/trading?hostaddr=,10.0.0.7",
        "localhost/trading?service=elsewhere",
    ],
)
def test_a_server_that_may_be_elsewhere_gets_no_password_in_clear(place: str) -> None:
    assert chosen(f"postgresql://{place}") == {"require_auth": "!password"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("PGHOST", "db.internal"), ("PGHOSTADDR", "10.0.0.7"), ("PGSERVICE", "elsewhere")],
)
def test_a_server_that_a_variable_of_libpq_names_is_elsewhere_too(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert chosen("postgresql:///trading") == {"require_auth": "!password"}
    assert chosen("postgresql:///trading?host=&hostaddr=") == {"require_auth": "!password"}


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_with_tls_a_password_may_be_sent(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    assert chosen(f"{REMOTE}?sslmode={mode}") == {"sslmode": mode}
    monkeypatch.setenv("PGSSLMODE", mode)
    assert chosen(REMOTE) == {}


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("scram-sha-256", True),
        ("!password", True),
        ("!md5,!password", True),
        ("md5,password", False),
        ("!md5", False),
        ("", False),
    ],
)
def test_a_variable_of_libpq_that_forbids_as_much_is_kept(
    monkeypatch: pytest.MonkeyPatch, named: str, kept: bool
) -> None:
    monkeypatch.setenv("PGREQUIREAUTH", named)

    assert chosen(REMOTE) == ({} if kept else {"require_auth": "!password"})


def test_in_production_the_server_proves_who_it_is_and_never_gets_the_password() -> None:
    assert chosen(REMOTE, OADB_ENV="production") == {
        "sslmode": "verify-full",
        "require_auth": "scram-sha-256",
    }


def test_each_is_loosened_by_its_own_name() -> None:
    assert chosen(f"{REMOTE}?sslmode=disable", OADB_ENV="production") == {
        "sslmode": "disable",
        "require_auth": "scram-sha-256",
    }
    assert chosen(f"{REMOTE}?require_auth=password", OADB_ENV=" Production ") == {
        "sslmode": "verify-full",
        "require_auth": "password",
    }
    assert chosen(f"{REMOTE}?require_auth=password,md5") == {"require_auth": "password,md5"}


def test_a_libpq_before_16_requires_tls_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.pq, "version", lambda: transport.REFUSING_LIBPQ - 1)

    assert chosen(REMOTE) == {"sslmode": "require"}
    assert chosen(REMOTE, OADB_ENV="production") == {"sslmode": "verify-full"}
    assert chosen(f"{REMOTE}?sslmode=disable") == {"sslmode": "disable"}
    monkeypatch.setenv("PGREQUIREAUTH", "scram-sha-256")
    assert chosen(REMOTE) == {"sslmode": "require"}, "it does not know that variable"


def test_a_url_without_a_configuration_is_read_for_production_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OADB_ENV", "production")

    assert dsn.connection_keywords(dsn.parse(REMOTE), {})["sslmode"] == "verify-full"


def test_a_server_that_oadb_starts_is_here_whatever_variables_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "db.internal")

    assert chosen("embedded:./data") == {}
