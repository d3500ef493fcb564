"""Builds the site: ``python -m tests.support.doc_site FOLDER``; a warning is an error."""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.doc_site import source_tree

_SPHINX = (sys.executable, "-m", "sphinx", "--builder", "html", "--jobs", "2")
_STRICT = ("--fail-on-warning", "--nitpicky", "--quiet", "--no-color")


def build(folder: Path) -> None:
    """Write the site into a folder, which is made, or was made by this function.

    Raises:
        ValueError: what is wrong with the documents, in one line for each fault; or the folder
            holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / ".buildinfo").exists():
        raise ValueError(f"{folder} holds files that are no site; name another folder")
    with TemporaryDirectory() as temporary:
        pages, built = Path(temporary) / "pages", Path(temporary) / "html"
        source_tree.write(pages)
        places = ("--conf-dir", Path(__file__).parent, "--doctree-dir", Path(temporary) / "trees")
        done = subprocess.run(
            [*_SPHINX, *_STRICT, *places, pages, built],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ValueError(done.stderr.replace(f"{pages}/", "").strip())
        shutil.rmtree(folder)
        shutil.copytree(built, folder)
