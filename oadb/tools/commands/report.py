"""Output of findings, and the exit code."""

from collections.abc import Iterable

import typer

from oadb.tools.findings import Finding

FOUND = 3
"""The exit code of a command that ran and found something wrong."""


def show(findings: Iterable[Finding]) -> None:
    """Print each finding as it arrives; at the end, exit with 3 if one is not ok."""
    failed = False
    for finding in findings:
        typer.echo(str(finding))
        failed |= not finding.ok
    if failed:
        raise typer.Exit(FOUND)
