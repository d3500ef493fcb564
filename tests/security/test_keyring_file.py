"""Reading key rings from files and the environment: which are accepted and which are refused."""

import os
import signal
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

from oadb import Config, Database
from oadb.errors import ConfigError, KeyRingError
from oadb.security import keyring_file
from oadb.security.keyring_file import from_env, read
from oadb.tools import key_rotation
from tests.support.error_texts import error_texts_and_variables
from tests.support.rings import FIRST, OLD, ROOT


@pytest.fixture
def impatient() -> Generator[None]:
    """End a test that hangs."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def next_descriptor() -> int:
    """Return the number of the next open file; it grows if one was left open."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def refused(path: Path, problem: str) -> None:
    before = next_descriptor()
    with pytest.raises(KeyRingError, match=problem) as error:
        read(path)

    assert str(error.value).startswith(str(path))
    assert ROOT not in error_texts_and_variables(error.value)
    assert repr(FIRST.root) not in error_texts_and_variables(error.value)
    assert "bytearray" not in error_texts_and_variables(error.value)
    assert next_descriptor() == before


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o500], ids=oct)
def test_a_private_file_of_this_user_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)

    assert read(path).keys == OLD.keys


@pytest.mark.parametrize(
    "mode", [0o640, 0o644, 0o660, 0o666, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777, 0o440], ids=oct
)
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)

    refused(path, f"has mode {mode:04o}, which lets other users in; run chmod 600")


def owned_by(monkeypatch: pytest.MonkeyPatch, owner: int) -> None:
    """Make every file belong to *owner*."""
    fstat = os.fstat

    def changed(descriptor: int) -> os.stat_result:
        status = [*fstat(descriptor)]
        status[stat.ST_UID] = owner
        return os.stat_result(status)

    monkeypatch.setattr(keyring_file.os, "fstat", changed)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(monkeypatch, os.geteuid() + 1)

    refused(path, f"belongs to user {os.geteuid() + 1}; only this user or root may own it")


def test_a_file_of_root_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(monkeypatch, 0)
    monkeypatch.setattr(keyring_file.os, "geteuid", lambda: 4711)

    assert read(path).keys == OLD.keys


def test_a_file_whose_owner_is_not_the_effective_user_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_by(monkeypatch, 4711)
    monkeypatch.setattr(keyring_file.os, "geteuid", lambda: 4712)

    refused(path, "belongs to user 4711")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)

    refused(folder, "is not a regular file")


@pytest.mark.usefixtures("impatient")
def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)

    refused(pipe, "is not a regular file")


def test_a_device_is_refused() -> None:
    refused(Path("/dev/zero"), "is not a regular file")


def test_a_link_is_judged_by_its_target(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read(link).keys == OLD.keys

    path.chmod(0o644)
    refused(link, "has mode 0644")
    path.unlink()
    refused(link, "No such file or directory; give the key ring of this database")


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)

    refused(link, "symbolic link")


def test_a_missing_file_is_refused_and_never_made(tmp_path: Path) -> None:
    refused(tmp_path / "missing", "No such file or directory; give the key ring of this database")
    refused(tmp_path / "missing" / "ring", "No such file or directory")
    assert [*tmp_path.iterdir()] == []


# More bad rings are in test_keyring.py; these go through every function that reads a ring.
BAD = {
    "bare key": ROOT,
    "empty": "{}",
    "key behind": OLD.to_json() + ROOT,
    "cut off": OLD.to_json()[:-4],
    "unknown state": OLD.to_json().replace("primary", "first"),
    "no primary": OLD.to_json().replace("primary", "retired"),
    "key with padding": OLD.to_json().replace(ROOT, f"{ROOT}="),
    "key twice": OLD.to_json().replace(
        '"1": ',
        f'"2": {{"root": "{ROOT}", "state": "retired", "created": "2026-01-01T00:00Z"}}, "1": ',
    ),
    "key for a name": OLD.to_json().replace('"1"', f'"{ROOT}"'),
}


WAYS: dict[str, Callable[[Path], object]] = {
    "read": read,
    "file": lambda _: Database.from_env(),
    "text": lambda _: Database.from_env(),
    "rotation": key_rotation.add,
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("way", WAYS)
def test_no_variable_that_a_bad_ring_passes_through_shows_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, way: str, case: str
) -> None:
    path.write_text(BAD[case])
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/x")
    if way == "text":
        monkeypatch.setenv("OADB_KEYRING", BAD[case])
    else:
        monkeypatch.setenv("OADB_KEYRING_FILE", str(path))
    with pytest.raises(KeyRingError) as error:
        WAYS[way](path)

    said = error_texts_and_variables(error.value)
    assert ROOT not in said
    assert repr(FIRST.root)[2:-1] not in said
    assert error.value.__context__ is None
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(bytes(1000), "is not JSON", id="NUL"),
        pytest.param(b" " * (1024 * 1024) + b"{}", "larger than 1048576 bytes", id="too large"),
        pytest.param(
            b" " * (1024 * 1024) + OLD.to_json().encode(), "larger than", id="too large by a ring"
        ),
        pytest.param(b" " * (1024 * 1024 - 2) + b"{}", 'must be {"keys"', id="as large as can be"),
        pytest.param(ROOT.encode(), "is not JSON", id="bare key"),
        pytest.param(OLD.to_json().encode()[:-4], "is not JSON", id="cut off"),
        pytest.param(OLD.to_json().encode("utf-16")[:-1], "is not JSON", id="half a character"),
    ],
)
def test_a_file_without_a_ring_is_refused(path: Path, content: bytes, problem: str) -> None:
    path.write_bytes(content)

    refused(path, problem.replace("{", r"\{"))


def test_a_credential_of_systemd_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to root and has mode 0440; the group stands for an access control list."""
    path.chmod(0o440)
    status = os.fstat

    def of_root(descriptor: int) -> os.stat_result:
        values = list(status(descriptor))
        values[stat.ST_UID] = 0
        return os.stat_result(values)

    monkeypatch.setattr(os, "fstat", of_root)
    with pytest.raises(KeyRingError, match="has mode 0440"):
        read(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))
    assert read(path).primary.key_id == 1
    path.chmod(0o444)
    with pytest.raises(KeyRingError, match="has mode 0444"):
        read(path)


# The environment -------------------------------------------------------------------------------


def test_the_environment_names_a_file_or_holds_the_ring(path: Path) -> None:
    for environ in (
        {"OADB_KEYRING_FILE": str(path)},
        {"OADB_KEYRING_FILE": f" {path}\n", "OADB_KEYRING": ""},
        {"OADB_KEYRING": OLD.to_json()},
        {"OADB_KEYRING": f"\n{OLD.to_json()} ", "OADB_KEYRING_FILE": "  "},
    ):
        ring = from_env(environ)
        assert ring is not None
        assert ring.keys == OLD.keys


def test_without_either_there_is_no_ring() -> None:
    assert from_env({}) is None
    assert from_env({"OADB_KEYRING": "", "OADB_KEYRING_FILE": " "}) is None


def test_both_are_refused_even_if_they_agree(path: Path) -> None:
    with pytest.raises(ConfigError, match="OADB_KEYRING_FILE and OADB_KEYRING are both") as error:
        from_env({"OADB_KEYRING_FILE": str(path), "OADB_KEYRING": OLD.to_json()})

    assert ROOT not in error_texts_and_variables(error.value)


@pytest.mark.parametrize(
    "text",
    [ROOT, "{}", OLD.to_json() + ROOT, OLD.to_json().replace("primary", "first")],
    ids=["bare key", "empty", "key behind", "unknown state"],
)
def test_a_bad_ring_in_the_environment_is_refused_by_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(KeyRingError, match=r"^OADB_KEYRING: ") as error:
        from_env({"OADB_KEYRING": text})

    assert ROOT not in error_texts_and_variables(error.value)
    assert error.value.__context__ is None


def test_a_configuration_reads_the_ring_and_does_not_show_it(path: Path) -> None:
    config = Config.from_env(
        {"DATABASE_URL": "postgresql://localhost/x", "OADB_KEYRING_FILE": str(path)}
    )

    assert config.keyring is not None
    assert config.keyring.keys == OLD.keys
    assert "key ring of 1 (primary)" in repr(config)
    assert ROOT not in repr(config)
    assert repr(FIRST.root) not in repr(config)
