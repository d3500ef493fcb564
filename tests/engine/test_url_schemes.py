"""Schemes of DATABASE_URL and the query of identities, which installed packages provide."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from oadb import Config, Database
from oadb.engine import provided as provisions
from oadb.engine import url_schemes
from oadb.errors import ConfigError


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    provisions.provided.cache_clear()
    url_schemes._load.cache_clear()


def provided(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def entry_points(**chosen: str) -> EntryPoints:
        return EntryPoints(points).select(**chosen)

    monkeypatch.setattr(provisions, "entry_points", entry_points)
    monkeypatch.setattr(url_schemes, "entry_points", entry_points)


def scheme(value: str) -> EntryPoint:
    return EntryPoint("embedded", value, "oadb.url_schemes")


def identity(value: str) -> EntryPoint:
    return EntryPoint("act_as", value, "oadb.identity")


def test_a_scheme_that_no_package_provides_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    provided(monkeypatch)

    with pytest.raises(ConfigError, match="there is no scheme; allowed are postgresql://"):
        Config.from_env({"DATABASE_URL": "embedded:./data"})


def test_a_scheme_that_two_packages_provide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    provided(monkeypatch, scheme("oadb.embedded.embedded_server"), scheme("other.server"))

    with pytest.raises(ConfigError, match=r"embedded_server, other\.server; install"):
        Config.from_env({"DATABASE_URL": "embedded:./data"})


@pytest.mark.parametrize("points", [(), (identity("a:act_as"), identity("b:act_as"))])
def test_as_user_needs_exactly_one_package_that_provides_identities(
    monkeypatch: pytest.MonkeyPatch, config: Config, points: tuple[EntryPoint, ...]
) -> None:
    provided(monkeypatch, *points)

    with Database(config) as db:
        with pytest.raises(
            ConfigError, match=r"entry point act_as of oadb\.identity is provided by"
        ):
            db.as_user(1)
        with pytest.raises(
            ConfigError, match=r"entry point prove of oadb\.proof is provided by no"
        ):
            db.prove()


def test_no_package_is_asked_about_postgresqls_own_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    provided(monkeypatch, EntryPoint("postgresql", "other.server", "oadb.url_schemes"))

    assert Config.from_env({"DATABASE_URL": "postgresql://a@b/c"}).dsn.local is None
