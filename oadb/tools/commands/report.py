"""Findings, a line each, and what they make of the exit code."""

from collections.abc import Iterable

import typer

from oadb.tools.findings import Finding


def show(findings: Iterable[Finding]) -> None:
    """Print each as it comes; exit with 1 at the end if one is not ok."""
    wrong = False
    for finding in findings:
        typer.echo(str(finding))
        wrong |= not finding.ok
    if wrong:
        raise typer.Exit(1)
