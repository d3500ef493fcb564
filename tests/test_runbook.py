"""Every command of the runbook is run: the drills follow each block of it."""

import re
from pathlib import Path

from tests.support.runbook import CHECK, sections

DRILLS = Path(__file__).parent / "drills"
NAMED = re.compile(r"^[A-Z]+ = \"(.+)\"$", re.MULTILINE)


def test_each_section_with_commands_is_followed_by_a_drill() -> None:
    text = "".join(path.read_text() for path in DRILLS.glob("test_*.py"))
    followed = {CHECK, *NAMED.findall(text), *re.findall(r"\.follow\(\s*\"(.+?)\"", text)}

    assert {title for title, found in sections().items() if found} <= followed
