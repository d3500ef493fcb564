"""``uses.toml``: what it may say, and what an error names."""

import re
from pathlib import Path

import pytest

from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError
from oadb.tools.dependencies import usage_file


def read(folder: Path, text: str) -> usage_file.UsageFile:
    (folder / "uses.toml").write_text(text)
    return usage_file.read(Package("shop", folder, "shop/sql"))


def test_a_package_without_the_file_has_no_roles(tmp_path: Path) -> None:
    assert usage_file.read(Package("shop", tmp_path, "sql")).roles == {}


def test_a_role_runs_what_a_pattern_matches_and_no_other_excludes(tmp_path: Path) -> None:
    text = '[roles.reports]\nruns = ["orders.*", "users.get"]\nnot = ["orders._*"]'
    role = read(tmp_path, text).roles["reports"]

    labels = ["orders.get", "orders._put", "users.get", "users.list"]
    assert [*filter(role.includes, labels)] == ["orders.get", "users.get"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("roles = ", "shop/sql/uses.toml"),
        ("[role.app]", "role is unknown; there is kept, roles"),
        ('[roles.app]\nruns = "users.get"', "[roles.app] runs must be a list"),
        ("[roles.app]\nruns = [1]", "[roles.app] runs must be a list"),
        ("[roles.app]\nrun = []", "[roles.app]: run is unknown; there is not, runs"),
        ("[roles]\napp = 1", "roles.app must be a table"),
        ('[kept]\n"index a.b" = ""', '[kept] "index a.b" needs a reason'),
        ('[kept]\n"index a.b" = 1', '[kept] "index a.b" needs a reason'),
        ('[kept]\n"indx a.b" = "why"', '[kept] "indx a.b" begins with none of'),
        ("kept = []", "kept must be a table"),
    ],
)
def test_an_invalid_file_is_refused_and_the_fault_is_named(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)

    assert str(raised.value).startswith("shop/sql/uses.toml")
    assert named in str(raised.value)


def test_the_example_in_the_documents_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "impact.md").read_text()
    (example,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)

    found = read(tmp_path, example)

    assert found.roles["oadb_app"].includes("orders.get")
    assert {each.partition(" ")[0] for each in found.kept} == {*usage_file.KINDS} - {"comment"}
