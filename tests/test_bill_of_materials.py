"""The bill of materials: every dependency with its range, its version and its licence."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.support import bill_of_materials

pytestmark = pytest.mark.long("reads the metadata of all installed packages")


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the bill of the environment in which the tests run."""
    file = tmp_path_factory.mktemp("bill") / "oadb.cdx.json"
    bill_of_materials.write(sys.executable, file)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_every_dependency_has_its_range_its_version_and_its_licence(bill: dict[str, Any]) -> None:
    components = {canonicalize_name(each["name"]): each for each in bill["components"]}

    for asked in bill_of_materials.requirements():
        found = components[canonicalize_name(asked.name)]
        ranges = [each for each in found["properties"] if each["name"] == bill_of_materials.RANGE]
        assert [each["value"] for each in ranges] == [str(asked.specifier)]
        assert asked.specifier.contains(found["version"])
        assert found["purl"].startswith(f"pkg:pypi/{canonicalize_name(asked.name)}@")
    assert [each["name"] for each in bill["components"] if not each["licenses"]] == []


def test_the_bill_is_that_of_oadb_and_says_what_needs_what(bill: dict[str, Any]) -> None:
    needed = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    root = needed[bill["metadata"]["component"]["bom-ref"]]

    assert bill["metadata"]["component"]["name"] == "oadb"
    assert bill["metadata"]["component"]["licenses"][0]["license"]["id"] == "Apache-2.0"
    for asked in bill_of_materials.requirements():
        name = canonicalize_name(asked.name)
        assert name in {canonicalize_name(each.partition("==")[0]) for each in root}


def test_an_environment_without_the_dependencies_is_refused(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "empty"], check=True)
    python = str(tmp_path / "empty" / "bin" / "python")

    with pytest.raises(ValueError, match=r"oadb needs psycopg\[pool\].*, and nothing is installed"):
        bill_of_materials.write(python, tmp_path / "oadb.cdx.json")
    with pytest.raises(ValueError, match="nowhere: no bill of materials can be made"):
        bill_of_materials.write(str(tmp_path / "nowhere"), tmp_path / "oadb.cdx.json")
    assert not (tmp_path / "oadb.cdx.json").exists()
