"""The command ``oadb schema``. What it lists is in ``oadb.tools.schema``."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import MigrationError
from oadb.tools import package_list, schema, schema_text
from oadb.tools.commands import options
from oadb.tools.commands.options import DatabaseUrl, Packages
from oadb.tools.intended import level_recorder, schema_levels
from oadb.tools.migrations import created_schemas
from oadb.tools.usage import UsageError

app = options.command()


@app.command()
def run_schema(
    package: Packages = None,
    levels: Annotated[
        bool,
        typer.Option(
            "--levels",
            help="Print what one package's schema is after each migration, for sql/"
            f"{schema_levels.FILE}. It is migrated on a temporary server.",
        ),
    ] = False,
    _url: DatabaseUrl = None,
) -> None:
    """Print the schemas of the packages as SQL.

    A package's schemas are those that its migrations create. To be read and compared:
    sql/schema.sql is that of oadb.
    """
    packages = package_list.chosen(package or ())
    text = _levels_of(packages) if levels else _schema_of(packages, by_name=bool(package))
    typer.echo(text, nl=False)


def _levels_of(packages: Sequence[Package]) -> str:
    if len(packages) != 1:
        raise UsageError("--levels is about one package, so name it: --package NAME")
    return schema_levels.render(level_recorder.record(packages[0]))


def _schema_of(packages: Sequence[Package], *, by_name: bool) -> str:
    found = created_schemas.of_packages(packages, by_name=by_name)
    names = [name for names in found.values() for name in names]
    config, work = Config.from_env(), partial(schema.read, names=names)
    with Database(config) as db:
        try:
            objects = db.transact(work, isolation="repeatable read", read_only=True)
        except MigrationError as error:
            raise MigrationError(f"{config.dsn} {error}") from None
    return schema_text.render(objects, [*found])
