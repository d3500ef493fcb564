"""The Python files of packages and of the tests beside them."""

import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from oadb.engine.binding.packages import Package
from oadb.tools.dependencies.module_names import SourceFile

# Folders of a project whose files are not its own.
_FOREIGN = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist", "venv"})


def folder_of(package: Package) -> Path:
    """Return the folder of a package's modules; of a single module, its file."""
    path = Path(str(import_module(package.name).__file__)).resolve()
    return path if package.is_module else path.parent


def project_of(package: Package) -> Path:
    """Return the folder of the nearest pyproject.toml, else the one that the package lies in."""
    folder = folder_of(package)
    above = (each for each in folder.parents if (each / "pyproject.toml").is_file())
    return next(above, folder.parent)


def files_of(packages: Sequence[Package]) -> list[SourceFile]:
    """Return the files of packages, and the tests of their projects, each once."""
    found: dict[Path, SourceFile] = {}
    for package in packages:
        folder, project = folder_of(package), project_of(package)
        for path in [folder] if package.is_module else _python_files(folder):
            module = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
            shown = _shown(path, project)
            found[path] = SourceFile(module.removesuffix(".__init__"), path, shown, is_test=False)
    for project in {project_of(package) for package in packages}:
        for path in _python_files(project):
            if path not in found and _is_test(path.relative_to(project)):
                module = ".".join(path.relative_to(project).with_suffix("").parts)
                found[path] = SourceFile(module, path, _shown(path, project), is_test=True)
    return [*found.values()]


def _shown(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.name


def _is_test(path: Path) -> bool:
    return path.parts[0] in {"test", "tests"} or path.name.startswith("test_")


def _python_files(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _FOREIGN and each[0] != ".")
        yield from (Path(top, name) for name in sorted(names) if name.endswith(".py"))
