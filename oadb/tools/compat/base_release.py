"""The files of an earlier release, from a git revision or a wheel, in a temporary folder."""

import subprocess
import sys
import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from oadb.engine.binding.packages import Package
from oadb.tools.usage import UsageError

# Of all files of a release, unpacked, in bytes.
_MOST = 2**30


@dataclass(frozen=True, slots=True)
class BaseRelease:
    """An earlier release.

    Attributes:
        name: As it was given: a revision, or the name of a wheel.
        folder: The temporary folder with all of its files.
        roots: Of each package that it has, the folder from which that is imported.
    """

    name: str
    folder: Path
    roots: Mapping[str, Path]

    def package(self, package: Package) -> Package:
        """Return a package with the SQL of the release; with none, if the release has none."""
        root = self.root(package)
        inside = [] if package.is_module else [root / package.name]
        above = [root.parent] if root.name == "src" else []
        folders = (each / package.sql.name for each in (*inside, root, *above))
        empty = self.folder / f"no SQL of {package.name}"
        sql = next((each for each in folders if _has_sql(each)), empty)
        sql.mkdir(exist_ok=True)
        return replace(package, sql=sql)

    def root(self, package: Package) -> Path:
        """Return the folder that a package is imported from; without the package, an empty one."""
        empty = self.folder / f"no {package.name}"
        found = self.roots.get(package.name, empty)
        found.mkdir(exist_ok=True)
        return found


def _has_sql(folder: Path) -> bool:
    return any((folder / each).is_dir() for each in ("queries", "migrations"))


@contextmanager
def unpacked(base: str, packages: Sequence[Package], *, by_name: bool) -> Generator[BaseRelease]:
    """Unpack a release that has the packages; see ``taken``.

    Args:
        base: a revision of the repository with the packages, or a file that ends with .whl.
        by_name: whether each package was asked for, so that the release must have it.

    Raises:
        UsageError: there is no such release, it cannot be read, or a package is not in it.
    """
    with taken(base, packages) as release:
        missing = [each.name for each in packages if each.name not in release.roots]
        if not release.roots or (by_name and missing):
            raise UsageError(
                f"{release.name} does not have the package {', '.join(missing)}: name an earlier "
                "release that has it, or the packages to compare with --package"
            )
        yield release


@contextmanager
def taken(base: str, packages: Sequence[Package]) -> Generator[BaseRelease]:
    """Unpack a release, whatever it has of the packages.

    Its files are deleted at the end, and nothing else is written.

    Args:
        base: a revision of the repository with the packages, or a file that ends with .whl.

    Raises:
        UsageError: there is no such release, or it cannot be read.
    """
    with TemporaryDirectory(prefix="oadb-compat-") as made:
        folder = Path(made).resolve()
        if base.endswith(".whl"):
            _unpack(Path(base), folder)
            name, places = Path(base).name, {each.name: [folder] for each in packages}
        else:
            name, places = base, _check_out(base, packages, folder)
        found = {each: _root(each, folders) for each, folders in places.items()}
        roots = {each: root for each, root in found.items() if root is not None}
        yield BaseRelease(name, folder, roots)


def _root(package: str, folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        if (folder / package).is_dir() or (folder / f"{package}.py").is_file():
            return folder
    return None


def _check_out(base: str, packages: Sequence[Package], folder: Path) -> dict[str, list[Path]]:
    """Unpack a revision; return where each package of its repository may be in it."""
    parents = {each.name: _parent(each) for each in packages}
    tops = {name: _top(parent) for name, parent in parents.items()}
    known = sorted({top for top in tops.values() if top is not None})
    if len(known) != 1:
        raise UsageError(
            f"the packages {', '.join(parents)} are in {len(known) or 'no'} git repositories: "
            "name those of one with --package, or give --base the wheel of a release"
        )
    archive = folder / "base.zip"
    revision = _revision(known[0], base)
    _git(known[0], "archive", "--format=zip", f"--output={archive}", revision)
    _unpack(archive, folder)
    archive.unlink()
    return {
        name: [folder / parents[name].relative_to(top), folder, folder / "src"]
        for name, top in tops.items()
        if top is not None
    }


def _parent(package: Package) -> Path:
    """Return the folder that a package of today is imported from."""
    module = sys.modules[package.name]
    if package.is_module:
        return Path(str(module.__file__)).resolve().parent
    return Path(next(iter(module.__path__))).resolve().parent


def _top(folder: Path) -> Path | None:
    done = _run(folder, "rev-parse", "--show-toplevel")
    return None if done.returncode else Path(done.stdout.strip()).resolve()


def _revision(top: Path, base: str) -> str:
    """Return the id of the commit that *base* names."""
    done = _run(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if done.returncode == 0:
        return done.stdout.strip()
    if _git(top, "rev-parse", "--is-shallow-repository") == "true":
        raise UsageError(
            f"{base} is not in {top}, a shallow clone: fetch it with its files first, as with "
            f"git fetch --depth 1 origin {base}"
        )
    raise UsageError(f"{base} is not a revision of {top}, and not a file that ends with .whl")


def _git(top: Path, *arguments: str) -> str:
    done = _run(top, *arguments)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UsageError(f"git {arguments[0]} failed in {top}: {reason}")
    return done.stdout.strip()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # git, without a shell
    except FileNotFoundError:
        raise UsageError("git is not installed: give --base the wheel of a release") from None


def _unpack(file: Path, folder: Path) -> None:
    """Unpack a zip file, whose names must all lie in the folder."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            outside = [each.filename for each in entries if not _is_inside(each.filename)]
            if outside:
                raise UsageError(f"{file} has a file outside of its folder: {outside[0]!r}")
            if sum(each.file_size for each in entries) > _MOST:
                raise UsageError(f"{file} unpacks to more than {_MOST // 2**20} MB")
            archive.extractall(folder)
    except FileNotFoundError:
        raise UsageError(f"there is no file {file}") from None
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{file} cannot be unpacked as a wheel: {error}") from None


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0]
