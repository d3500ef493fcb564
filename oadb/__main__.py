"""``python -m oadb`` and the command ``oadb``."""

import sys

import oadb


def main() -> None:
    """Run the command line, or say which packages it needs.

    ``oadb --version`` alone is answered here: the imports of the command line take far longer.
    """
    if sys.argv[1:] == ["--version"] and _printed(f"oadb {oadb.__version__}"):
        return
    try:
        from oadb.tools import cli  # noqa: PLC0415  # the extra packages may be missing
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich"}:
            raise
        sys.exit("oadb: the command line needs more packages: pip install 'oadb[cli]'")
    cli.main()


def _printed(line: str) -> bool:
    """Whether a line was written; if not, the command line says why."""
    try:
        print(line, flush=True)  # noqa: T201  # the output of a command
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
