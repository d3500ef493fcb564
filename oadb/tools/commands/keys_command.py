"""The commands ``oadb keys``; see ``oadb.tools.key_rotation``."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import ConfigError, KeyRingError, SealError
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.tools import key_rotation
from oadb.tools.commands import options
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.commands.progress import counting
from oadb.tools.commands.report import exit_if, show
from oadb.tools.findings import Finding
from oadb.tools.key_rotation import KeyReport
from oadb.tools.rehearsal import rehearsed

app = options.group("Create, rotate and retire the keys of sealed columns.")

KeyId = Annotated[int, typer.Argument(metavar="KEY", help="The number of the key in the key ring.")]


@app.command("new")
def run_new(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The file of the key ring; it must not exist."),
    ],
    dry_run: DryRun = False,
) -> None:
    """Create a key ring with one key."""
    if dry_run:
        if file.exists():
            raise KeyRingError(f"{file} exists already; a key ring is never overwritten")
        typer.echo(f"would create {file} with key 1")
        return
    key = key_rotation.new(file)
    typer.echo(f"created {file} with key {key.key_id}, {key.fingerprint}")
    typer.echo(f"export OADB_KEYRING_FILE={file.absolute()}; keep a copy apart from the backups")


@app.command("add")
def run_add(dry_run: DryRun = False) -> None:
    """Add a key for decryption only; promote it when every process has it."""
    path = key_rotation.ring_path(os.environ)
    key = key_rotation.add(path, dry_run=dry_run)
    if dry_run:
        typer.echo(f"would add key {key.key_id} to {path}")
        return
    typer.echo(f"added key {key.key_id}, {key.fingerprint}")
    typer.echo(
        f"next: copy the file to every process and restart it, then: oadb keys promote {key.key_id}"
    )


@app.command("promote")
def run_promote(key_id: KeyId, dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Make a key primary: new secrets are sealed under it."""
    with _database() as (db, ring):
        key_rotation.promote(db, key_rotation.ring_path(os.environ), key_id, dry_run=dry_run)
    if dry_run:
        typer.echo(f"would make key {key_id} primary instead of key {ring.primary.key_id}")
        return
    typer.echo(f"key {key_id} is primary")
    typer.echo("next: copy the file to every process and restart it, then: oadb keys rewrap")


@app.command("rewrap")
def run_rewrap(dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Seal every row under the primary key, while services run.

    If it is interrupted, run it again.
    """
    with _database() as (db, ring):
        with rehearsed(db, dry_run) as executor:
            reports = key_rotation.verify(executor, ring)
        total = sum(sum(report.uses.values()) for report in reports if report.key != ring.primary)
        if dry_run:
            typer.echo(f"would seal {total:,} rows under key {ring.primary.key_id}")
            return
        damaged: list[str] = []
        with counting("sealing", total) as watch:
            for table in key_rotation.rewrap(db, ring, watch):
                typer.echo(str(table))
                damaged += table.damaged_rows
    if damaged:
        typer.echo("\n".join(["cannot be opened, left unchanged:", *damaged]))
        raise SealError(
            f"{len(damaged)} rows are damaged, so their key cannot be retired; "
            "replace or delete them, then run oadb keys rewrap again"
        )


@app.command("status")
def run_status(as_json: AsJson = False, _url: DatabaseUrl = None) -> None:
    """List the keys, the rows that need each, and the next step.

    Changes nothing. Exits with 3 if the ring does not fit the database.
    """
    with _database() as (db, ring):
        reports, canaries = key_rotation.list_keys(db, ring), proof.list_canaries(db)
    fit, step = _fit(ring, canaries), key_rotation.next_step(ring, reports)
    if as_json:
        keys = [*map(_described, reports)]
        print_json({"ok": fit.ok, "keys": keys, "fit": fit.text, "next": step if fit.ok else None})
        exit_if(found=not fit.ok)
        return
    for report in reports:
        typer.echo(str(report))
    show([fit])
    if step is not None:
        typer.echo(f"next: {step}")


def _described(report: KeyReport) -> dict[str, object]:
    """Return what may be said of a key: everything but the key."""
    key = report.key
    return {
        "key_id": key.key_id,
        "state": key.state,
        "created": key.created,
        "fingerprint": key.fingerprint,
        "rows": report.uses,
    }


def _fit(ring: KeyRing, canaries: list[proof.Canary]) -> Finding:
    if not canaries:
        text = f"none in use; the first secret enrolls key {ring.primary.key_id}"
        return Finding(True, "keys", text)
    try:
        proof.require_fit(ring, canaries)
    except KeyRingError as error:
        return Finding(False, "keys", str(error))
    return Finding(True, "keys", "the key ring fits the database")


@app.command("verify")
def run_verify(_url: DatabaseUrl = None) -> None:
    """Check that the key ring fits the database, and count the rows that need each key.

    The first key ring of a database is enrolled.
    """
    with _database() as (db, ring):
        for report in key_rotation.verify(db, ring):
            typer.echo(str(report))
    typer.echo("the key ring fits the database")


@app.command("retire")
def run_retire(key_id: KeyId, dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Retire a key that no row needs any longer."""
    with _database() as (db, _):
        key_rotation.retire(db, key_rotation.ring_path(os.environ), key_id, dry_run=dry_run)
    if dry_run:
        typer.echo(f"would retire key {key_id}, which no row needs")
        return
    typer.echo(f"key {key_id} is retired; keep it in the file while backups may need it")


@contextmanager
def _database() -> Generator[tuple[Database, KeyRing]]:
    config = Config.from_env()
    if config.keyring is None:
        raise ConfigError("OADB_KEYRING_FILE is not set; oadb keys new FILE creates a key ring")
    with Database(config) as db:
        yield db, config.keyring
