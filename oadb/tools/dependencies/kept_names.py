"""The names in files, which are kept: to parse a thousand takes seconds, and few change.

They are kept in the user's cache folder, in one file, each under the digest of its module's name
and content; it may be deleted.

    $XDG_CACHE_HOME/oadb/names/DIGEST    in ~/.cache, if the variable is not set
"""

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import TypedDict, cast

from oadb.tools import kept_files
from oadb.tools.dependencies import module_names
from oadb.tools.dependencies.module_names import ModuleNames, Named, SourceFile

# From so many new files on, about half a second of work, another process reads them: what asks
# PostgreSQL meanwhile needs this one.
_MANY = 100


class _Kept(TypedDict):
    """What is kept of a file; *named* are the fields of ``Named``."""

    defined: list[str]
    imports: dict[str, str]
    named: list[tuple[str, str, str, int]]


def of_files(files: Iterable[SourceFile]) -> list[tuple[SourceFile, ModuleNames]]:
    """Return the names in files, as they were kept, or read now; without those of no Python."""
    place = _place()
    kept = {} if place is None else _read(place)
    listed, missing = list[tuple[SourceFile, str]](), dict[str, tuple[str, bytes]]()
    names = dict[str, ModuleNames | None]()
    for file in files:
        with suppress(OSError):
            content = file.path.read_bytes()
            digest = sha256(f"{file.module}\n".encode() + content).hexdigest()
            listed.append((file, digest))
            names[digest] = restored = _restored(kept.get(digest))
            if restored is None:
                missing[digest] = (file.module, content)
    names |= zip(missing, _parsed([*missing.values()]), strict=True)
    found = [(file, known) for file, digest in listed if (known := names[digest]) is not None]
    if place is not None and any(names[digest] for digest in missing):
        kept_files.write(place, {digest: _kept(each) for digest, each in names.items() if each})
    return found


def _parsed(missing: list[tuple[str, bytes]]) -> list[ModuleNames | None]:
    """Read the names of modules, each given with its content."""
    if len(missing) >= _MANY:
        pool = ProcessPoolExecutor(1, get_context("spawn"))
        with suppress(BrokenProcessPool), pool:  # broken: somebody has ended that process
            return [*pool.map(module_names.read, *zip(*missing, strict=True), chunksize=50)]
    return [module_names.read(module, content) for module, content in missing]


def _place() -> Path | None:
    """Return the file, whose name is a digest of what reads and of the grammar."""
    folder = kept_files.folder("names")
    code = Path(module_names.__file__).read_bytes() + Path(__file__).read_bytes()
    digest = sha256(f"{sys.version}\n".encode() + code).hexdigest()
    return None if folder is None else folder / digest[:32]


def _read(place: Path) -> dict[str, _Kept]:
    """Return what is kept; nothing if it is damaged."""
    try:
        found: object = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, _Kept]", found) if isinstance(found, dict) else {}


def _restored(kept: _Kept | None) -> ModuleNames | None:
    """Return names that were kept; None if none are, or if they are damaged."""
    if kept is None:
        return None
    try:
        named = tuple(Named(*each) for each in kept["named"])
        return ModuleNames(frozenset(kept["defined"]), dict(kept["imports"]), named)
    except (LookupError, TypeError, ValueError):
        return None


def _kept(names: ModuleNames) -> _Kept:
    named = [(each.name, each.unit, each.within, each.line) for each in names.named]
    return {"defined": sorted(names.defined), "imports": dict(names.imports), "named": named}
