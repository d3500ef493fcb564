"""The command that builds the site."""

import sys
from pathlib import Path

from tests.support.doc_site import building

if len(sys.argv) != 2:
    sys.exit("python -m tests.support.doc_site FOLDER: writes the site into a new folder")
try:
    building.build(Path(sys.argv[1]))
except (ValueError, OSError) as error:
    sys.exit(str(error))
print(f"the site: {Path(sys.argv[1]) / 'index.html'}")
