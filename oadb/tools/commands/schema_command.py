"""The command ``oadb schema``. What it lists is in ``oadb.tools.schema``."""

import typer

from oadb.engine.database import Database
from oadb.tools import schema, schema_text

app = typer.Typer(add_completion=False)


@app.command()
def run_schema() -> None:
    """Print the schema of the database as SQL, to read or to compare with sql/schema.sql."""
    with (
        Database.from_env() as db,
        db.transaction(isolation="repeatable read", read_only=True) as tx,
    ):
        objects = schema.read(tx)
    typer.echo(schema_text.render(objects), nl=False)
