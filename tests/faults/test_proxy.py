"""The proxy itself, on which the fault tests rely."""

import socket
import socketserver
import threading
import time
from collections.abc import Generator
from contextlib import suppress

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from oadb.embedded import embedded_server
from oadb.embedded.memory import memory
from tests.faults.proxy import Proxy


@pytest.fixture(scope="module")
def server() -> Generator[embedded_server.EmbeddedServer]:
    with embedded_server.temporary(memory()) as running:
        yield running


@pytest.fixture
def proxy(server: embedded_server.EmbeddedServer) -> Generator[Proxy]:
    with Proxy(server.keywords) as proxy:
        yield proxy


@pytest.fixture
def connection(proxy: Proxy) -> Generator[psycopg.Connection]:
    with psycopg.connect(**proxy.keywords, autocommit=True) as connection:
        yield connection


@pytest.fixture
def echo() -> Generator[Proxy]:
    """Give a proxy in front of a TCP server that sends back all data."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionResetError):
                while data := self.request.recv(100):
                    self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as tcp:
        thread = threading.Thread(target=tcp.serve_forever, args=(0.02,))
        thread.start()
        host, port = tcp.server_address[:2]
        with Proxy({"host": str(host), "port": str(port), "dbname": "none"}) as proxy:
            yield proxy
        tcp.shutdown()
        thread.join()


def talk(proxy: Proxy) -> socket.socket:
    keywords = proxy.keywords
    client = socket.create_connection((keywords["host"], int(keywords["port"])), timeout=5)
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"
    return client


def test_a_statement_is_one_round_trip(proxy: Proxy, connection: psycopg.Connection) -> None:
    before = proxy.round_trips
    connection.execute("select 1")

    assert proxy.round_trips - before == 1


def test_a_pipeline_is_one_round_trip(proxy: Proxy, connection: psycopg.Connection) -> None:
    before = proxy.round_trips
    with connection.pipeline():
        for _ in range(10):
            connection.execute("select 1")

    assert proxy.round_trips - before == 1


def test_bytes_are_counted_each_way(echo: Proxy) -> None:
    with talk(echo):
        assert (echo.bytes_sent, echo.bytes_received, echo.round_trips) == (5, 5, 1)


def test_much_data_arrives_whole(proxy: Proxy, connection: psycopg.Connection) -> None:
    text = "x" * 5_000_000

    assert connection.execute("select %s::text", [text]).fetchone() == (text,)
    assert proxy.bytes_received > 5_000_000


def test_a_cut_connection_ends_in_order(echo: Proxy) -> None:
    with talk(echo) as client:
        echo.cut()

        assert client.recv(100) == b""


def test_a_reset_connection_raises_a_reset_error(echo: Proxy) -> None:
    with talk(echo) as client:
        echo.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_psycopg_connection_notices_both(proxy: Proxy) -> None:
    for fault in (proxy.cut, proxy.reset):
        with psycopg.connect(proxy.url) as connection:
            fault()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select 1")


def test_a_paused_connection_is_silent_and_then_goes_on(echo: Proxy) -> None:
    with talk(echo) as client:
        echo.pause()
        client.sendall(b"anybody?")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(100)
        client.settimeout(5)
        echo.resume()

        assert client.recv(100) == b"anybody?"


def test_a_delay_applies_each_way(proxy: Proxy, connection: psycopg.Connection) -> None:
    proxy.delay(0.05)
    start = time.perf_counter()
    connection.execute("select 1")

    assert 0.1 <= time.perf_counter() - start < 2


def test_refused_connections_are_accepted_again_on_the_same_port(echo: Proxy) -> None:
    with talk(echo) as client:
        echo.refuse()
        with pytest.raises(ConnectionRefusedError):
            talk(echo)
        client.sendall(b"still here")

        assert client.recv(100) == b"still here"

    echo.accept()
    talk(echo).close()


def test_the_proxy_drops_the_clients_of_a_missing_server() -> None:
    keywords = {"host": "/nowhere", "port": "1", "user": "a", "dbname": "b"}
    with Proxy(keywords) as proxy, pytest.raises(psycopg.OperationalError):
        psycopg.connect(**proxy.keywords)


def only_one_client_is_left(server: embedded_server.EmbeddedServer) -> None:
    with psycopg.connect(**server.keywords, autocommit=True) as direct:
        mine = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        deadline = time.monotonic() + 5
        while direct.execute(mine).fetchone() != (1,):
            assert time.monotonic() < deadline


def test_a_client_that_ends_ends_its_server_connection(
    server: embedded_server.EmbeddedServer, proxy: Proxy
) -> None:
    psycopg.connect(**proxy.keywords).close()
    only_one_client_is_left(server)


def test_a_client_that_ends_while_the_proxy_is_paused_ends_its_server_connection_later(
    server: embedded_server.EmbeddedServer, proxy: Proxy
) -> None:
    connection = psycopg.connect(**proxy.keywords)
    proxy.pause()
    connection.close()
    deadline = time.monotonic() + 5
    while len(proxy.ends) > 1:
        assert time.monotonic() < deadline
    proxy.resume()
    only_one_client_is_left(server)


def test_the_url_leads_through_the_proxy(proxy: Proxy) -> None:
    given = conninfo_to_dict(proxy.url)

    assert {key: str(value) for key, value in given.items()} == proxy.keywords


def test_nothing_is_left_of_a_proxy(server: embedded_server.EmbeddedServer) -> None:
    with Proxy(server.keywords) as proxy:
        connection = psycopg.connect(**proxy.keywords)
    with connection, pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")

    assert "proxy" not in {thread.name for thread in threading.enumerate()}
