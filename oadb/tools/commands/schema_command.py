"""The command ``oadb schema``. What it lists is in ``oadb.tools.schema``."""

from functools import partial

import typer

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import MigrationError
from oadb.tools import package_list, schema, schema_text
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.migrations import created_schemas

app = options.command()


@app.command()
def run_schema(package: Packages = None, _url: DatabaseUrl = None) -> None:
    """Print the schemas of the packages as SQL.

    A package's schemas are those that its migrations create. To be read and compared:
    sql/schema.sql is that of oadb.
    """
    packages = package_list.chosen(package or ())
    found = created_schemas.of_packages(packages, by_name=bool(package))
    names = [name for names in found.values() for name in names]
    config, work = Config.from_env(), partial(schema.read, names=names)
    with Database(config) as db:
        try:
            objects = db.transact(work, isolation="repeatable read", read_only=True)
        except MigrationError as error:
            raise MigrationError(f"{config.dsn} {error}") from None
    typer.echo(schema_text.render(objects, [*found]), nl=False)
