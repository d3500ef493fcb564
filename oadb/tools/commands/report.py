"""Output of findings, and the exit code."""

from collections.abc import Iterable

import typer

from oadb.engine.readiness import ReadyFinding
from oadb.tools.commands.json_output import print_json
from oadb.tools.findings import Finding

FOUND = 3
"""The exit code of a command that ran and found something wrong."""


def show(findings: Iterable[Finding | ReadyFinding]) -> None:
    """Print each finding as it arrives; at the end, exit with 3 if one is not ok."""
    failed = False
    for finding in findings:
        typer.echo(str(finding))
        failed |= not finding.ok
    exit_if(found=failed)


def show_json(findings: Iterable[Finding | ReadyFinding]) -> None:
    """Print all findings as one line of JSON; exit with 3 if one is not ok."""
    listed = [*findings]
    is_ok = all(finding.ok for finding in listed)
    print_json({"ok": is_ok, "findings": listed})
    exit_if(found=not is_ok)


def exit_if(*, found: bool) -> None:
    """Exit with 3 if something wrong was *found*."""
    if found:
        raise typer.Exit(FOUND)
