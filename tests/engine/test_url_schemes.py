"""Schemes of DATABASE_URL, and the query of identities, that installed packages offer."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from oadb import Config, Database
from oadb.engine import acting, url_schemes
from oadb.errors import ConfigError


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    acting._query.cache_clear()
    url_schemes._load.cache_clear()


def offered(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def entry_points(**chosen: str) -> EntryPoints:
        return EntryPoints(points).select(**chosen)

    monkeypatch.setattr(acting, "entry_points", entry_points)
    monkeypatch.setattr(url_schemes, "entry_points", entry_points)


def scheme(value: str) -> EntryPoint:
    return EntryPoint("embedded", value, "oadb.url_schemes")


def identity(value: str) -> EntryPoint:
    return EntryPoint("act_as", value, "oadb.identity")


def test_a_scheme_that_no_package_offers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch)

    with pytest.raises(ConfigError, match="there is no scheme; allowed are postgresql://"):
        Config.from_env({"DATABASE_URL": "embedded:./data"})


def test_a_scheme_that_two_packages_offer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, scheme("oadb.embedded.embedded_server"), scheme("other.server"))

    with pytest.raises(ConfigError, match=r"embedded_server, other\.server; install"):
        Config.from_env({"DATABASE_URL": "embedded:./data"})


@pytest.mark.parametrize("points", [(), (identity("a:act_as"), identity("b:act_as"))])
def test_nobody_acts_as_a_user_unless_exactly_one_package_says_how(
    monkeypatch: pytest.MonkeyPatch, config: Config, points: tuple[EntryPoint, ...]
) -> None:
    offered(monkeypatch, *points)

    with Database(config) as db, pytest.raises(ConfigError, match="entry point act_as"):
        db.as_user(1)
