"""The command ``oadb unused``; see ``oadb.tools.dependencies.unused``."""

from oadb.tools import package_list
from oadb.tools.commands import options
from oadb.tools.commands.options import Packages
from oadb.tools.commands.report import show
from oadb.tools.dependencies import unused
from oadb.tools.dependencies.examination import examining_sizes

app = options.command()


@app.command()
def run_unused(package: Packages = None) -> None:
    """Find indexes, columns, statements and grants that nothing uses.

    Migrates the packages on a temporary server, and reads no other database. Statements are planned
    where the largest tables have 10^9 rows. What is meant to be kept stands in sql/uses.toml, with
    a reason. Exits with 3 if something else is unused.
    """
    with examining_sizes(package_list.chosen(package or ())) as examination:
        show(unused.find(examination))
