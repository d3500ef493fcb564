"""``oadb check --watch``: checks again what was edited."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module, reload
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
Stamps = Mapping[Path, tuple[int, int]]


def watch(config: Config, packages: Sequence[Package], tell: Callable[[str], None]) -> None:
    """Check everything, and then each place again whose SQL file or module was edited.

    It ends with the process only, such as by Ctrl-C.

    Args:
        tell: shows a line.
    """
    _check(config, [(each, place) for each in packages for place in each.places()], tell)
    # Now that their modules are imported, and known.
    seen = _stamps(_files(packages))
    tell("watching; Ctrl-C ends it")
    while True:
        sleep(_INTERVAL)
        files = _files(packages)
        now = _stamps(files)
        changed = [place for file, place in files.items() if now.get(file) != seen.get(file)]
        seen = now
        if changed:
            _check(config, [*dict.fromkeys(changed)], tell, again=True)


def _files(packages: Sequence[Package]) -> dict[Path, Place]:
    """Return the SQL files and modules of all places that are on a file system."""
    found: dict[Path, Place] = {}
    for package in packages:
        for place in package.places():
            file = package.query_file(place)[0]
            module = sys.modules.get(package.module_of(place))
            paths = [file, *([Path(module.__file__)] if module and module.__file__ else [])]
            found.update({path: (package, place) for path in paths if isinstance(path, Path)})
    return found


def _stamps(files: Mapping[Path, Place]) -> Stamps:
    return dict(_stamped(files))


def _stamped(files: Mapping[Path, Place]) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in files:
        try:
            found = path.stat()
        except OSError:  # it is being replaced
            continue
        yield path, (found.st_mtime_ns, found.st_size)


def _check(
    config: Config, places: Sequence[Place], tell: Callable[[str], None], *, again: bool = False
) -> None:
    started = monotonic()
    found = 0
    try:
        for package, place in places if again else ():
            _import_again(package.module_of(place))
        for line in comparison.check_places(config, places):
            tell(line)
            found += 1
    except (Error, psycopg.Error) as error:
        tell(str(error))
        found += 1
    except Exception as error:  # noqa: BLE001  # of the module that is being edited
        tell(f"{type(error).__name__}: {error}")
        found += 1
    names = ", ".join(sorted(place for _, place in places)) if again else f"{len(places)} files"
    verdict = f"{found} findings" if found else "all declarations agree with the database"
    tell(f"{names}: {verdict} ({(monotonic() - started) * 1000:.0f} ms)")


def _import_again(name: str) -> None:
    """Import a module from its source, although it is imported, and compiled, already."""
    module = sys.modules.get(name)
    if module is None:
        import_module(name)
        return
    if module.__file__ is not None:
        # A file that was edited twice within a second looks as old as its compiled form.
        Path(cache_from_source(module.__file__)).unlink(missing_ok=True)
    reload(module)
