"""The commands ``oadb keys``; see ``oadb.tools.key_rotation``."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import ConfigError, SealError
from oadb.security.keyring import KeyRing
from oadb.tools import key_rotation
from oadb.tools.commands.progress import counting

app = typer.Typer(
    help="Create, rotate and retire the keys of sealed columns.",
    no_args_is_help=True,
    add_completion=False,
)

KeyId = Annotated[int, typer.Argument(help="The number of the key in the key ring.")]


@app.command("new")
def run_new(
    file: Annotated[Path, typer.Argument(help="The file of the key ring; it must not exist.")],
) -> None:
    """Create a key ring with one key."""
    key = key_rotation.new(file)
    typer.echo(f"created {file} with key {key.key_id}, {key.fingerprint}")
    typer.echo(f"export OADB_KEYRING_FILE={file.absolute()}; keep a copy apart from the backups")


@app.command("add")
def run_add() -> None:
    """Add a key for decryption only; promote it when every process has it."""
    key = key_rotation.add(key_rotation.ring_path(os.environ))
    typer.echo(f"added key {key.key_id}, {key.fingerprint}")
    typer.echo(
        f"next: copy the file to every process and restart it, then: oadb keys promote {key.key_id}"
    )


@app.command("promote")
def run_promote(key_id: KeyId) -> None:
    """Make a key primary: new secrets are sealed under it."""
    with _database() as (db, _):
        key_rotation.promote(db, key_rotation.ring_path(os.environ), key_id)
    typer.echo(f"key {key_id} is primary")
    typer.echo("next: copy the file to every process and restart it, then: oadb keys rewrap")


@app.command("rewrap")
def run_rewrap() -> None:
    """Seal every row under the primary key, while services run; may be repeated if interrupted."""
    with _database() as (db, ring):
        reports = key_rotation.verify(db, ring)
        total = sum(sum(report.uses.values()) for report in reports if report.key != ring.primary)
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


@app.command("verify")
def run_verify() -> None:
    """Check that the key ring fits the database, and count the rows that need each key."""
    with _database() as (db, ring):
        for report in key_rotation.verify(db, ring):
            typer.echo(str(report))
    typer.echo("the key ring fits the database")


@app.command("retire")
def run_retire(key_id: KeyId) -> None:
    """Retire a key that no row needs any longer."""
    with _database() as (db, _):
        key_rotation.retire(db, key_rotation.ring_path(os.environ), key_id)
    typer.echo(f"key {key_id} is retired; keep it in the file while backups may need it")


@contextmanager
def _database() -> Generator[tuple[Database, KeyRing]]:
    config = Config.from_env()
    if config.keyring is None:
        raise ConfigError("OADB_KEYRING_FILE is not set; oadb keys new FILE creates a key ring")
    with Database(config) as db:
        yield db, config.keyring
