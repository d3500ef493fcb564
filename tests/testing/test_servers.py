"""Which server tests get, and that every test gets a fresh database."""

import http.server
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Generator
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from oadb.embedded import embedded_server
from oadb.embedded.memory import memory
from oadb.errors import ConfigError
from oadb.testing.servers import Server, server


def migrate(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table migrated as select 42 as answer")


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
        assert row is not None
        return row[0]


def databases(postgres: Server) -> list[str]:
    with psycopg.connect(postgres.url("postgres")) as connection:
        rows = connection.execute("select datname from pg_database where datname like 'oadb%'")
        return [name for (name,) in rows]


@pytest.fixture(scope="module")
def postgres() -> Generator[Server]:
    with (
        embedded_server.temporary(memory()) as running,
        closing(Server("embedded", running.keywords)) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def template(postgres: Server) -> Generator[str]:
    with postgres.template(migrate) as name:
        yield name


def test_a_clone_has_what_the_migrations_made(postgres: Server, template: str) -> None:
    with postgres.clone(template) as url:
        assert ask(url, "select answer from migrated") == 42


def test_a_clone_has_no_dead_rows_of_the_migrations(postgres: Server) -> None:
    def change_much(url: str) -> None:
        with psycopg.connect(url) as connection:
            for number in range(500):
                connection.execute(f"create table t{number} (id int)".encode())
            for number in range(500):
                connection.execute(f"drop table t{number}".encode())

    # A database without them has less than 120 kB, and the dead rows are 60 more.
    is_compact = "select pg_relation_size('pg_class') < 120000"
    with postgres.template(change_much) as template, postgres.clone(template) as url:
        assert ask(url, is_compact)


def test_clones_do_not_see_each_other(postgres: Server, template: str) -> None:
    with postgres.clone(template) as one, postgres.clone(template) as other:
        ask(one, "delete from migrated returning 1")

        assert ask(one, "select count(*) from migrated") == 0
        assert ask(other, "select count(*) from migrated") == 1


def test_a_clone_is_dropped_although_a_client_is_connected(postgres: Server, template: str) -> None:
    with postgres.clone(template) as url:
        connection = psycopg.connect(url)
    with closing(connection), pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")

    assert databases(postgres) == [template]


def test_a_template_takes_no_connections(postgres: Server, template: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(postgres.url(template))


def test_a_template_whose_migrations_fail_is_dropped(postgres: Server, template: str) -> None:
    def fail(url: str) -> None:
        migrate(url)
        raise ValueError

    with pytest.raises(ValueError), postgres.template(fail):  # noqa: PT011 - it is ours
        pass

    assert databases(postgres) == [template]


def test_a_clone_takes_a_moment(postgres: Server, template: str) -> None:
    """The median is 45 ms on an idle machine; the limit is for a busy one."""
    seconds: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        with postgres.clone(template):
            seconds.append(time.perf_counter() - start)

    assert sorted(seconds)[2] < 0.5


def test_the_data_of_test_servers_is_in_memory_where_that_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oadb.embedded.memory._FOLDER", tmp_path)
    for free, folder in ((4 * 2**30, tmp_path), (4 * 2**30 - 1, None)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert memory() == folder


def test_where_there_is_no_memory_to_be_had_as_a_folder_the_data_is_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oadb.embedded.memory._FOLDER", tmp_path / "missing")
    assert memory() is None


def test_a_url_keeps_what_it_takes_to_connect() -> None:
    keywords = {
        "host": "db.internal",
        "port": "6432",
        "user": "o/a",
        "password": "p@ss:w%rd",
        "dbname": "postgres",
        "sslmode": "require",
    }
    url = Server("url", keywords).url("a b")

    assert psycopg.conninfo.conninfo_to_dict(url) == {**keywords, "dbname": "a b"}


def test_the_password_of_a_server_is_not_shown() -> None:
    assert "hidden" not in repr(Server("url", {"password": "hidden"}))


def test_a_given_url_is_used(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OADB_TEST_DATABASE_URL", postgres.url("postgres"))
    with server() as given, given.template(migrate) as name, given.clone(name) as url:
        assert given == Server("url", postgres.keywords)
        assert ask(url, "select answer from migrated") == 42


@pytest.mark.parametrize("url", ["mysql://a/b", "embedded:./data"])
def test_a_wrong_url_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OADB_TEST_DATABASE_URL", url)

    with pytest.raises(ConfigError, match="OADB_TEST_DATABASE_URL"), server():
        pass


@pytest.mark.long("starts a server")
def test_without_a_docker_engine_the_server_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")

    assert chosen(monkeypatch, caplog) == "embedded"
    assert "no container, so the embedded server" in caplog.text


@pytest.fixture
def started_before(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server of this module taken where an embedded one would be started."""
    monkeypatch.setattr(embedded_server, "temporary", lambda *_, **_options: nullcontext(postgres))


@pytest.mark.long("waits for a timeout")
@pytest.mark.usefixtures("started_before")
def test_a_docker_engine_that_never_answers_is_given_up_quickly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        start = time.perf_counter()

        assert chosen(monkeypatch, caplog) == "embedded"
        assert time.perf_counter() - start < 10


@pytest.mark.usefixtures("started_before")
def test_a_docker_engine_without_the_image_is_given_up_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "docker.sock")
    with socketserver.ThreadingUnixStreamServer(path, EngineWithoutImages) as engine:
        thread = threading.Thread(target=engine.serve_forever)
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        monkeypatch.setenv("OADB_TEST_IMAGE", "not-to-be-had")
        try:
            assert chosen(monkeypatch, caplog) == "embedded"
        finally:
            engine.shutdown()
            thread.join()

    assert "not-to-be-had in Docker: 404" in caplog.text


def chosen(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> str:
    monkeypatch.delenv("OADB_TEST_DATABASE_URL", raising=False)
    caplog.set_level(logging.INFO, "oadb.testing")
    with server() as postgres:
        return postgres.name


class EngineWithoutImages(http.server.BaseHTTPRequestHandler):
    """Docker's API as far as it takes to learn that an image cannot be had."""

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            return self.answer(200, b'{"ApiVersion": "1.44"}')
        return self.answer(200, b"[]" if "images" in self.path else b"OK")

    def do_POST(self) -> None:
        self.answer(404, b'{"message": "pull access denied"}')

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a test"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing: standard error belongs to the tests."""


def test_a_server_that_ends_the_kept_connection_is_connected_to_again(
    postgres: Server, template: str
) -> None:
    administration = postgres.url("postgres")
    with postgres.clone(template) as url, psycopg.connect(administration) as connection:
        ended = connection.execute(
            "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity "
            "where pid <> pg_backend_pid() and backend_type = 'client backend'"
        ).fetchone()
        assert ask(url, "select answer from migrated") == 42

    assert ended == (1,)
    with postgres.clone(template) as url:
        assert ask(url, "select answer from migrated") == 42
