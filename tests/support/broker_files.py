"""Real files of brokers, which tests and benchmarks use if they exist.

OADB_TEST_BROKER_FILES names their folder.
"""

import os
from pathlib import Path

VARIABLE = "OADB_TEST_BROKER_FILES"

ZERODHA = ("kite_nse.csv.gz", "kite_nfo.csv.gz")
"""Zerodha's instruments of NSE and NFO on a day in July 2025."""


def found(*names: str) -> list[Path]:
    """Return the files of these names that are in the folder.

    Raises:
        NotADirectoryError: the variable is set to a path that is not a folder.
    """
    if not os.environ.get(VARIABLE):
        return []
    folder = Path(os.environ[VARIABLE])
    if not folder.is_dir():
        raise NotADirectoryError(f"{VARIABLE} is {str(folder)!r}, which is not a folder; unset it")
    return [folder / name for name in names if (folder / name).exists()]
