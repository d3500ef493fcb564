"""Files of environment variables, as python-dotenv reads them."""

import os
from io import StringIO
from pathlib import Path

from oadb.errors import ConfigError


def openalgo_variables(file: Path) -> dict[str, str]:
    """Return the variables of an .env file as OpenAlgo reads them: lines it cannot read are none.

    Raises:
        ConfigError: the file cannot be read.
    """
    return _variables(_text(file))


def read_env_file(file: Path | None) -> None:
    """Add the variables of *file* to the environment, whose own stay as they are.

    Raises:
        ConfigError: the file, or one of its lines, cannot be read.
    """
    if file is None:
        return
    from dotenv.parser import parse_stream  # noqa: PLC0415  # slow, and without a file not needed

    text = _text(file)
    for line in parse_stream(StringIO(text)):
        if line.error or (line.key and line.value is None):
            written = line.original.string
            blank = len(written) - len(written.lstrip("\n"))
            raise ConfigError(f"{file}: line {line.original.line + blank} is not NAME=value")
    os.environ.update({**_variables(text), **os.environ})


def _variables(text: str) -> dict[str, str]:
    from dotenv import dotenv_values  # noqa: PLC0415  # slow, and without a file not needed

    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
    raise ConfigError(f"cannot read {file}: {reason}")
