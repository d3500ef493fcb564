"""Findings, a line each, and what they make of the exit code."""

from collections.abc import Iterable

import typer

from oadb.tools.findings import Finding


def show(findings: Iterable[Finding]) -> None:
    """Print each as it comes; exit with 1 at the end if something is amiss."""
    amiss = False
    for finding in findings:
        typer.echo(str(finding))
        amiss |= not finding.ok
    if amiss:
        raise typer.Exit(1)
