"""Output of findings, and the exit code."""

from collections.abc import Iterable

import typer

from oadb.tools.findings import Finding


def show(findings: Iterable[Finding]) -> None:
    """Print each finding as it arrives; at the end, exit with 1 if one is not ok."""
    failed = False
    for finding in findings:
        typer.echo(str(finding))
        failed |= not finding.ok
    if failed:
        raise typer.Exit(1)
