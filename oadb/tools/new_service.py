"""The first files of a web service with tables of its own, which run as they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from oadb.tools import skeleton_files
from oadb.tools.package_names import current_folder, require_free
from oadb.tools.usage import UsageError

Framework = Literal["fastapi", "flask"]

_PLACES = {
    "service/pyproject.toml": "pyproject.toml",
    "service/README.md": "README.md",
    "service/env.example": ".env.example",
    "service/gitignore": ".gitignore",
    "service/dockerignore": ".dockerignore",
    "service/Dockerfile": "Dockerfile",
    "service/compose.yaml": "compose.yaml",
    "service/create_role.sh": "create_role.sh",
    "service/ci.yml": ".github/workflows/ci.yml",
    "service/package.py": "$name/__init__.py",
    "service/py.typed": "$name/py.typed",
    "service/bodies.py": "$name/bodies.py",
    "service/notes.py": "$name/notes.py",
    "service/orders.py": "$name/orders.py",
    "service/settings.py": "$name/settings.py",
    "$framework/app.py": "$name/app.py",
    "service/notes.sql": "$name/sql/queries/notes.sql",
    "service/create.sql": "$name/sql/migrations/0001_create_$name.sql",
    "service/create.rollback.sql": "$name/sql/migrations/0001_create_$name.rollback.sql",
    "service/schema_levels.jsonl": "$name/sql/schema_levels.jsonl",
    "service/notes.plan": "$name/sql/plans/notes.plan",
    "service/statistics.json": "$name/sql/statistics/$name.json",
    "service/uses.toml": "$name/sql/uses.toml",
    "service/test_contract.py": "tests/test_contract.py",
    "$framework/test_app.py": "tests/test_app.py",
}

# What differs in the files that both frameworks have.
_WORDS: Mapping[Framework, Mapping[str, str]] = {
    "fastapi": {
        "title": "FastAPI",
        "server": "uvicorn>=0.54,<1",
        "client": '"httpx2>=2,<3",\n    ',
        "run": "uvicorn --factory {name}.app:make_app --no-proxy-headers",
        "command": (
            '"uvicorn", "--factory", "{name}.app:make_app", "--host", "0.0.0.0", '
            '"--no-proxy-headers"'
        ),
    },
    "flask": {
        "title": "Flask",
        "server": "gunicorn>=27,<29",
        "client": "",
        "run": 'gunicorn -k gthread --threads 8 "{name}.app:make_app()"',
        "command": (
            '"gunicorn", "--bind", "0.0.0.0:8000", "-k", "gthread", "--threads", "8", '
            '"{name}.app:make_app()"'
        ),
    },
}


def texts(folder: str, framework: Framework) -> dict[Path, str]:
    """Return the files of a new service with their texts.

    Args:
        folder: where they will be; it need not exist. The service, its package and its schema are
            called as its last part is. An empty one is refused: it would be the current folder.

    Raises:
        UsageError: a package cannot have this name, or one of the files exists.
    """
    name = (current_folder() / folder).name if folder else ""
    try:
        require_free(name)
    except UsageError as error:
        raise UsageError(f"{error}; the package of a service has the name of its folder") from None
    words = {key: word.format(name=name) for key, word in _WORDS[framework].items()}
    return skeleton_files.texts(
        {template.replace("$framework", framework): place for template, place in _PLACES.items()},
        {"name": name, "framework": framework, **words},
        Path(folder),
        "choose another folder",
    )
