"""The check of ``oadb doctor`` of the schema: whether it is the intended one."""

from collections.abc import Iterator, Sequence

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.errors import ConfigError, MigrationError, UnavailableError
from oadb.tools.findings import Finding
from oadb.tools.intended import schema_check
from oadb.tools.intended.schema_check import SchemaReport
from oadb.tools.migrations import created_schemas

_SUBJECT = "schema"

# Differences whose names are in a line.
_MOST = 3


def names(packages: Sequence[Package]) -> list[str]:
    """Return the names of the schemas of all packages."""
    return [name for package in packages for name in created_schemas.schemas(package)]


def check(config: Config, packages: Sequence[Package]) -> Iterator[Finding]:
    """Compare the schema of each package that has one with the intended schema."""
    if not names(packages):
        yield Finding(True, _SUBJECT, "no package creates one")
        return
    try:
        for report in schema_check.check(config, packages):
            yield _finding(report)
    except (ConfigError, MigrationError, UnavailableError) as error:
        yield Finding(False, _SUBJECT, " ".join(str(error).split()))


def _finding(report: SchemaReport) -> Finding:
    if report.is_unpinned:
        return Finding(True, _SUBJECT, "; ".join(report.obstacles))
    found = [*report.obstacles, *_summary(report)]
    if found:
        return Finding(False, _SUBJECT, "; ".join(found))
    text = f"{report.package} is the intended one at {report.level}"
    if report.unread:
        text += f", without the rows of {', '.join(report.unread)}, which this role may not read"
    return Finding(True, _SUBJECT, text)


def _summary(report: SchemaReport) -> Iterator[str]:
    differences = report.differences
    if not differences:
        return
    shown = ", ".join(f"{each.kind} {each.name}" for each in differences[:_MOST])
    more = f" and {len(differences) - _MOST} more" if len(differences) > _MOST else ""
    yield (
        f"{report.package} is not the intended one at {report.level}: {shown}{more}; oadb check "
        f"--schema --package {report.package} shows what is, what should be and what mends it"
    )
