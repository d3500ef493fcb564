"""``oadb check --watch``: checks again what was edited."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import cache_from_source
from pathlib import Path
from time import monotonic, sleep

import psycopg

from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.errors import Error
from oadb.tools.contract import comparison

# Seconds between two looks at the files.
_INTERVAL = 0.05

Place = tuple[Package, str]
Stamps = dict[Path, tuple[int, int]]
# Where the modules of each package are: a folder, or the file of a single module.
Roots = list[tuple[Package, Path]]


def watch(config: Config, packages: Sequence[Package], tell: Callable[[str], None]) -> None:
    """Check everything, and then each place again whose SQL file or module was edited.

    After an edit of another module of a package, such as one of row classes, all of its places. It
    ends with the process only, such as by Ctrl-C.

    Args:
        tell: shows a line.
    """
    roots = [(each, root) for each in packages for root in _roots(each)]
    seen = _stamps(_files(roots))
    _check(config, [(each, place) for each in packages for place in each.places()], tell)
    tell("watching; Ctrl-C ends it")
    while True:
        sleep(_INTERVAL)
        files = _files(roots)
        now = _stamps(files)
        changed = [file for file in files if now.get(file) != seen.get(file)]
        seen = now
        if changed:
            places = [*dict.fromkeys(place for file in changed for place in files[file])]
            _forget(changed, {package.name: package for package, _ in places}.values())
            _check(config, places, tell, again=True)


def _roots(package: Package) -> list[Path]:
    module = sys.modules[package.name]
    if package.is_module:
        return [Path(str(module.__file__))]
    return [Path(folder) for folder in module.__path__]


def _files(roots: Roots) -> dict[Path, list[Place]]:
    """Return the files on a file system that packages are made of, with the places they concern."""
    found: dict[Path, list[Place]] = {}
    for package, root in roots:
        places = {place: [(package, place)] for place in package.places()}
        # oadb itself runs meanwhile: of it, only what declares queries is imported again.
        others = [] if package.name == "oadb" else [each for one in places.values() for each in one]
        for file in [root] if package.is_module else root.rglob("*.py"):
            found[file] = places.get(_place(file, root), others)
        for place, one in places.items():
            sql = package.query_file(place)[0]
            found.update({sql: one} if isinstance(sql, Path) else {})
    return {file: concerned for file, concerned in found.items() if concerned}


def _place(file: Path, root: Path) -> str:
    """Return where the queries of a module would be."""
    path = file.relative_to(root).with_suffix("").as_posix()
    return path if path == "__init__" else path.removesuffix("/__init__")


def _stamps(files: Iterable[Path]) -> Stamps:
    return dict(_stamped(files))


def _stamped(files: Iterable[Path]) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in files:
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # an editor replaces it just now
        yield path, (found.st_mtime_ns, found.st_size)


def _forget(changed: Iterable[Path], packages: Iterable[Package]) -> None:
    """Let the modules of *packages* be imported again, each from its source."""
    for file in changed:
        if file.suffix == ".py":
            # A file that was edited twice within a second looks as old as its compiled form.
            Path(cache_from_source(str(file))).unlink(missing_ok=True)
    for package in packages:
        declaring = {package.module_of(place) for place in package.places()}
        for name in [*sys.modules]:
            if name in declaring or name.partition(".")[0] == package.name != "oadb":
                del sys.modules[name]


def _check(
    config: Config, places: Sequence[Place], tell: Callable[[str], None], *, again: bool = False
) -> None:
    started = monotonic()
    found = 0
    try:
        for line in comparison.check_places(config, places):
            tell(line)
            found += 1
    except (Error, psycopg.Error) as error:
        tell(str(error))
        found += 1
    names = ", ".join(sorted(place for _, place in places)) if again else f"{len(places)} files"
    verdict = f"{found} findings" if found else "all declarations agree with the database"
    tell(f"{names}: {verdict} ({(monotonic() - started) * 1000:.0f} ms)")
