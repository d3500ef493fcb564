"""All of oadb connects where waits have a bound."""

import ast
from pathlib import Path

import pytest

import oadb

PACKAGE = Path(oadb.__file__).parent

# Each bounds the waits of the connections that it makes.
CONNECTING = {"engine/direct_connection.py", "engine/listener.py", "engine/pool/connections.py"}

# Other things that have a method of this name: SQLite, the socket of the Docker engine, and signals
# of Celery.
OTHERS = {"sqlite3", "probe", "worker_process_shutdown", "worker_shutdown"}


def connects(tree: ast.AST) -> bool:
    """Say whether a module connects to PostgreSQL by psycopg."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "connect"
        and ast.unparse(node.value) not in OTHERS
        for node in ast.walk(tree)
    )


@pytest.mark.long("reads every module")
def test_every_connection_is_made_where_its_waits_have_a_bound() -> None:
    modules = {path: ast.parse(path.read_bytes()) for path in PACKAGE.rglob("*.py")}

    found = {str(path.relative_to(PACKAGE)) for path, tree in modules.items() if connects(tree)}
    assert found == CONNECTING


# The modules that connect without connection_keywords, and whose keywords they have.
WITH_OTHERS = {
    "embedded/cluster.py": "those of a socket that the server itself has written down",
    "embedded/embedded_server.py": "the same",
    "tools/session_watch.py": "those of the connection that it watches",
}


def test_every_connection_has_the_keywords_that_protect_its_password() -> None:
    texts = {str(path.relative_to(PACKAGE)): path.read_text() for path in PACKAGE.rglob("*.py")}
    connecting = {path for path, text in texts.items() if "DirectConnection.to(" in text}

    assert {path for path in connecting if "connection_keywords(" not in texts[path]} == {
        *WITH_OTHERS
    }


@pytest.mark.parametrize("text", ["psycopg.connect()", "super().connect()", "f = Some.connect"])
def test_a_connection_made_elsewhere_would_be_noticed(text: str) -> None:
    assert connects(ast.parse(text))
    assert not connects(ast.parse("sqlite3.connect(path)"))
