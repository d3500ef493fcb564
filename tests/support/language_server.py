"""pyright's language server: what an editor shows of a name."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


class LanguageServer:
    """A running server, and the file that is open in it."""

    def __init__(self, send: IO[bytes], receive: IO[bytes], file: Path) -> None:
        self._send, self._receive, self._number = send, receive, 0
        self._uri, self._lines = file.as_uri(), file.read_text().splitlines()
        folder = file.parent.as_uri()
        folders = [{"uri": folder, "name": "service"}]
        capabilities = {"textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
        self._ask(
            "initialize",
            {"processId": os.getpid(), "rootUri": folder, "workspaceFolders": folders}
            | {"capabilities": capabilities},
        )
        self._write("initialized", {})
        document = {"uri": self._uri, "languageId": "python", "version": 1}
        document |= {"text": file.read_text()}
        self._write("textDocument/didOpen", {"textDocument": document})

    def hover(self, text: str) -> str:
        """Return what is shown at the last character of *text*."""
        shown: str = self._ask("textDocument/hover", self._at(text, -1))["contents"]["value"]
        return shown

    def signatures(self, text: str) -> list[str]:
        """Return the signatures that are shown behind *text*, the beginning of a call."""
        found = self._ask("textDocument/signatureHelp", self._at(text, 0))["signatures"]
        return [each["label"] for each in found]

    def _at(self, text: str, shift: int) -> dict[str, object]:
        line = next(number for number, each in enumerate(self._lines) if text in each)
        place = {"line": line, "character": self._lines[line].index(text) + len(text) + shift}
        return {"textDocument": {"uri": self._uri}, "position": place}

    def _ask(self, method: str, params: Mapping[str, object]) -> Any:
        """Return the answer; questions of the server in between are answered with nothing."""
        self._number += 1
        self._write(method, params, id=self._number)
        while True:
            said = self._read()
            if "method" not in said and said.get("id") == self._number:
                return said["result"]
            if "method" in said and "id" in said:
                asked = len(said.get("params", {}).get("items", []))
                nothing: list[dict[str, object]] = [{}] * asked
                self._write_message({"id": said["id"], "result": nothing})

    def _write(self, method: str, params: Mapping[str, object], **more: int) -> None:
        self._write_message({"method": method, "params": params, **more})

    def _write_message(self, message: Mapping[str, object]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._send.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
        self._send.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self._receive.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: dict[str, Any] = json.loads(self._receive.read(length))
        return message


@contextmanager
def opened(file: Path) -> Generator[LanguageServer]:
    """Start a server with *file* open; at the end it is stopped."""
    program = Path(sys.executable).parent / "pyright-langserver"
    settings = {"PYRIGHT_PYTHON_GLOBAL_NODE": "false", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "true"}
    with subprocess.Popen(
        [program, "--stdio"],
        env=os.environ | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield LanguageServer(process.stdin, process.stdout, file)
        finally:
            os.killpg(process.pid, 9)
