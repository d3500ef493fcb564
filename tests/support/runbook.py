"""The runbook, docs/operations.md: its commands, run as they stand there."""

import os
import re
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oadb.embedded.memory import memory
from oadb.embedded.system_user import SystemUser, account_for
from oadb.embedded.temporary_folders import temporary_folder
from tests.support import shell

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"

CHECK = "Check after each of these"
"""The section that every drill ends with."""

_SECTION = re.compile(r"^##+ (.+)\n((?:(?!^##).*\n)*)", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, list[str]]:
    """Return the commands of each section, block by block; of those without any, no block."""
    text = PAGE.read_text()
    return {title: _BLOCK.findall(body) for title, body in _SECTION.findall(text)}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where somebody follows the runbook: a folder, the programs of PostgreSQL, and a user.

    The user is that of test servers, because some programs refuse root.
    """

    folder: Path
    programs: Path
    account: SystemUser | None

    def made(self, name: str) -> Path:
        """Make a folder of that name, in which the user may write."""
        folder = self.folder / name
        folder.mkdir()
        account_for(folder, self.programs)
        return folder

    def follow(
        self, title: str, number: int = 1, *, ring: Path | None = None, **names: object
    ) -> str:
        """Run a block of a section with *names* as its variables; return what it prints.

        The commands of oadb run in this process, after the rest of the block.
        """
        block = sections()[title][number - 1]
        environ = {
            "PATH": f"{self.programs}{os.pathsep}{os.defpath}",
            # Notices are no findings.
            "PGOPTIONS": "-c client_min_messages=warning",
            **{name: str(value) for name, value in names.items()},
            **({} if ring is None else {"OADB_KEYRING_FILE": str(ring)}),
        }
        return self._run(block, environ)

    def _run(self, block: str, environ: Mapping[str, str]) -> str:
        commands = shell.Commands(self.folder)
        path = f"{commands.folder}{os.pathsep}{environ['PATH']}"
        account = self.account
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env={**environ, "PATH": path},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            user=account and account.uid,
            group=account and account.gid,
            extra_groups=None if account is None else [],
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        commands.run()
        return done.stdout.strip()


@contextmanager
def desk(programs: Path) -> Generator[Desk]:
    """Give a folder to follow the runbook in; it is deleted at the end."""
    with temporary_folder(memory(), programs) as folder:
        yield Desk(folder, programs, account_for(folder, programs))
