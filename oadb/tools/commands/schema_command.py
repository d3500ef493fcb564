"""The command ``oadb schema``. What it lists is in ``oadb.tools.schema``."""

import typer

from oadb.engine.database import Database
from oadb.tools import schema, schema_text
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl

app = options.command()


@app.command()
def run_schema(_url: DatabaseUrl = None) -> None:
    """Print the schema of the database as SQL.

    To read it, or to compare it with sql/schema.sql.
    """
    with Database.from_env() as db:
        objects = db.transact(schema.read, isolation="repeatable read", read_only=True)
    typer.echo(schema_text.render(objects), nl=False)
