"""``python -m oadb`` and the command ``oadb``."""

import sys


def main() -> None:
    """Run the command line, or say which packages it needs."""
    try:
        from oadb.tools import cli  # noqa: PLC0415  # the extra packages may be missing
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich"}:
            raise
        sys.exit("oadb: the command line needs more packages: pip install 'oadb[cli]'")
    cli.main()


if __name__ == "__main__":
    main()
