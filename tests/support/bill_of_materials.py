"""The bill of materials of an installation of oadb, as CycloneDX: what is in it, and the licences.

``python -m tests.support.bill_of_materials PYTHON FILE`` writes that of the environment of an
interpreter into which a wheel of oadb was installed.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
# Of packages whose metadata names a file instead of a licence: what the file says.
_LICENCES_BY_TEXT = {"psqlpy": "MIT"}

RANGE = "oadb:range"
"""The property of a component that oadb itself asks for: the versions that it may have."""


def write(python: str, file: Path) -> None:
    """Write the bill of the environment of an interpreter.

    Raises:
        ValueError: a dependency of oadb is missing, of another version, or without a licence; or
            there is no such environment.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", python),
            *("--pyproject", str(_PROJECT), "--mc-type", "library"),
            # To compare it with the schema of CycloneDX takes ten times as long as to make it.
            *("--output-reproducible", "--output-format", "JSON", "--no-validate"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"{python}: no bill of materials can be made: {done.stderr.strip()}")
    bill = json.loads(done.stdout)
    for each in bill.get("components", []):
        if each["name"] in _LICENCES_BY_TEXT:
            each.setdefault("licenses", [{"license": {"id": _LICENCES_BY_TEXT[each["name"]]}}])
    faults = [*_unlicensed(bill), *_bind(bill)]
    if faults:
        raise ValueError("\n".join(faults))
    file.write_text(json.dumps(bill, indent=2) + "\n")


def requirements() -> list[Requirement]:
    """Return what oadb asks for without extras."""
    declared = tomllib.loads(_PROJECT.read_text())["project"]["dependencies"]
    return [Requirement(each) for each in declared]


def _unlicensed(bill: dict[str, Any]) -> list[str]:
    return [
        f"{each['name']} {each['version']} declares no licence: ask its authors, or use another"
        for each in bill.get("components", [])
        if not each.get("licenses")
    ]


def _bind(bill: dict[str, Any]) -> list[str]:
    """Write the ranges of oadb's own dependencies into a bill, and return every disagreement."""
    components = {canonicalize_name(each["name"]): each for each in bill.get("components", [])}
    faults = []
    for asked in requirements():
        found = components.get(canonicalize_name(asked.name))
        if found is None or not asked.specifier.contains(found["version"]):
            version = found["version"] if found else "nothing"
            faults.append(f"oadb needs {asked}, and {version} is installed")
        else:
            found["properties"] = [{"name": RANGE, "value": str(asked.specifier)}]
    return faults


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python -m tests.support.bill_of_materials PYTHON FILE: writes the bill of PYTHON")
    try:
        write(sys.argv[1], Path(sys.argv[2]))
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    print(f"the bill of materials: {sys.argv[2]}")
