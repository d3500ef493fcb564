"""What an editor and help() show of a query, a stream and an operation."""

import pydoc
import re
from collections.abc import Generator

import pytest

from tests.support import public_api
from tests.support.language_server import LanguageServer, opened

SERVICE = """
from oadb import Database
from oadb.accounts import users
from oadb.logs import api_logs


def serve(db: Database) -> None:
    users.get(db, 7)
    users.create(db, "asha", "asha@example.in")
    api_logs.stream(db)
"""


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Generator[LanguageServer]:
    file = tmp_path_factory.mktemp("editor") / "service.py"
    file.write_text(SERVICE)
    with opened(file) as server:
        yield server


pytestmark = pytest.mark.long("starts a language server, or renders all of help()")


def test_a_query_is_shown_with_its_sentence_parameters_and_result(editor: LanguageServer) -> None:
    shown = editor.hover("users.get")

    assert "(user_id: int), User | None" in shown
    assert "Return a user; None if there is none with this id." in shown


def test_an_operation_is_shown_with_ranges_and_errors(editor: LanguageServer) -> None:
    shown = editor.hover("users.create")

    assert "(username: str, email: str, *, first_name: str | None = None" in shown
    assert "at most 254 characters" in shown
    assert "ConflictError: the name or the address is taken" in shown


@pytest.mark.parametrize("call", ["users.get(", "users.create(", "api_logs.stream("])
def test_a_call_is_shown_with_its_executor(editor: LanguageServer, call: str) -> None:
    signatures = editor.signatures(call)

    assert len(signatures) >= 2
    assert all(each.startswith("(db: ") for each in signatures)
    assert any("db: AsyncExecutor" in each for each in signatures)


def test_help_shows_no_directives_of_linters() -> None:
    directives = re.compile(r"noqa|type: ignore|pyright:|fmt: (skip|off)|pragma: no")

    for each in public_api.names():
        if each.is_function:  # the other names are classes, which are declared as others are
            found = directives.search(pydoc.plain(pydoc.render_doc(each.value)))
            assert found is None, f"{each.label}: {found}"
