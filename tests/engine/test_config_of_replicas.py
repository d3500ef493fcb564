"""DATABASE_URL_READ and what belongs to it."""

import pytest

from oadb.engine.config import Config
from oadb.errors import ConfigError

URL = "postgresql://u:secret@one:5433,two/d"


def read(url: str = URL, **variables: str) -> Config:
    given = {"DATABASE_URL": "postgresql://u@h/d", "DATABASE_URL_READ": url}
    return Config.from_env({**given, **variables})


def test_each_host_of_the_url_is_a_replica_with_a_pool_of_its_own() -> None:
    config = read(DB_POOL_SIZE="3", DB_READ_MAX_OVERFLOW="0")
    one, two = (config.of_replica(host) for host in config.read_hosts)

    assert [str(each.dsn) for each in (one, two)] == ["u@one:5433/d", "u@two:5432/d"]
    assert (one.pool_size, one.max_overflow, config.max_overflow) == (3, 0, 10)
    assert one.connection_keywords()["target_session_attrs"] == "any"
    assert one.connection_keywords()["password"] == "secret"
    assert not one.read_hosts
    assert not one.dsn.seeks_primary
    assert "secret" not in repr(config)


def test_without_the_variable_there_are_no_replicas() -> None:
    assert read("").read_hosts == ()


def test_one_port_and_what_the_url_says_hold_for_all_hosts() -> None:
    first, second = read(
        "postgresql://u@/d?host=a,b&port=6000&target_session_attrs=standby"
    ).read_hosts

    assert (str(first), str(second)) == ("u@a:6000/d", "u@b:6000/d")
    assert second.keywords["target_session_attrs"] == "standby"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/d",
        "embedded:secret",
        "secret",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@a,b,c:1,2/d?port=1,2",
        "postgresql://u:secret@a,,b/d",
    ],
)
def test_an_invalid_url_is_refused_by_the_name_of_its_variable(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(url)

    assert str(refused.value).startswith("DATABASE_URL_READ")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("DB_READ_POOL_SIZE", "0", "a whole number from 1 to 1000"),
        ("DB_READ_MAX_OVERFLOW", "-1", "a whole number from 0 to 1000"),
        ("DB_READ_WAIT", "61", r"seconds, from 0 \(no wait\) to 60"),
        ("DB_READ_WAIT", "nan", r"seconds, from 0 \(no wait\) to 60"),
        ("DB_READ_MAX_LAG", "0", "seconds, more than 0 to 86400"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: str, allowed: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is '{value}'; it must be {allowed}"):
        read(**{name: value})
