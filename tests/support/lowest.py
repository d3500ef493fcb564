"""The lowest versions that pyproject.toml allows, as requirements: for a run of the tests on them.

python -m tests.support.lowest > lowest.txt
pip install . --requirement lowest.txt
"""

import re
import tomllib
from pathlib import Path

_REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)(\[(?P<extras>[a-z,]+)\])?>=(?P<version>[\d.]+),<")

# What a user installs; tools for development may be new.
_EXTRAS = ("binary", "cli", "embedded")


def lowest(project: Path) -> list[str]:
    """Return ``name==version`` for each dependency of a user."""
    described = tomllib.loads(project.read_text())["project"]
    given = [*described["dependencies"]]
    for extra in _EXTRAS:
        given += described["optional-dependencies"][extra]
    found = [_REQUIREMENT.match(each) for each in given if not each.startswith("oadb[")]
    return sorted({_pinned(each) for each in found if each})


def _pinned(match: re.Match[str]) -> str:
    extras = f"[{match['extras']}]" if match["extras"] else ""
    return f"{match['name']}{extras}=={match['version']}"


if __name__ == "__main__":
    print("\n".join(lowest(Path("pyproject.toml"))))
