"""Whole files of brokers, where there are any; tests and benchmarks use them, and need none.

OADB_TEST_BROKER_FILES names their folder. Without it, there are none.
"""

import os
from pathlib import Path

VARIABLE = "OADB_TEST_BROKER_FILES"

ZERODHA = ("kite_nse.csv.gz", "kite_nfo.csv.gz")
"""Zerodha's instruments of NSE and of NFO, of a day in July 2025."""


def found(*names: str) -> list[Path]:
    """Return those of the files *names* that are in the folder.

    Raises NotADirectoryError if the variable is set and names no folder.
    """
    if not os.environ.get(VARIABLE):
        return []
    folder = Path(os.environ[VARIABLE])
    if not folder.is_dir():
        raise NotADirectoryError(f"{VARIABLE} is {str(folder)!r}, which is not a folder; unset it")
    return [folder / name for name in names if (folder / name).exists()]
