"""The SQL and the Python of packages as they were at a revision, in a folder of their own."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError
from oadb.tools.dependencies import source_files
from oadb.tools.review import git_repository


@dataclass(frozen=True, slots=True)
class BasePackage:
    """A package at the revision.

    Attributes:
        sql: The same package with the SQL of then.
        code: The folder that its modules lie in.
    """

    sql: Package
    code: Path


@contextmanager
def exported(packages: Sequence[Package], revision: str) -> Generator[list[BasePackage]]:
    """Give the packages as they were at a revision; their files are deleted at the end.

    Raises:
        ConfigError: a package is in no repository, or there is no such revision.
    """
    with TemporaryDirectory(prefix="oadb-base-") as folder:
        yield [_export(package, revision, Path(folder, package.name)) for package in packages]


def _export(package: Package, revision: str, target: Path) -> BasePackage:
    root = git_repository.root_of(source_files.project_of(package))
    if root is None:
        raise ConfigError(
            f"--base {revision}: {package.name} is in no git repository, or git is not installed; "
            "leave out --base"
        )
    target.mkdir()
    sql, code = Path(str(package.sql)).resolve(), source_files.folder_of(package)
    commit = git_repository.commit_of(root, revision)
    paths = [path.relative_to(root) for path in (sql, code)]
    git_repository.export(root, commit, paths, target)
    old_sql = target / paths[0]
    old_sql.mkdir(parents=True, exist_ok=True)
    return BasePackage(replace(package, sql=old_sql), (target / paths[1]).parent)
