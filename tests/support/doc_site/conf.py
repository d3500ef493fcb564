"""What Sphinx is told of the site; ``building`` prepares the pages and calls it."""

import posixpath
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from docutils import nodes
from pygments.lexers import PostgresLexer
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

project = "oadb"
release = version = metadata.version("oadb")
copyright = "the authors of oadb"  # noqa: A001 - the name that Sphinx reads
extensions = ["myst_parser"]

myst_heading_anchors = 4
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "github-dark"

html_theme = "furo"
html_title = "oadb"
html_copy_source = False
html_show_sphinx = False
# It would be fetched from the pages found, which browsers refuse to pages that are files.
html_show_search_summary = False
html_theme_options = {"navigation_with_keys": False}


def setup(app: Sphinx) -> Mapping[str, Any]:
    """Let signatures link to the public names that they mention without their modules."""
    # Blocks of SQL hold functions and names of psql, which are PostgreSQL's alone.
    app.add_lexer("sql", PostgresLexer)
    app.connect("missing-reference", _public_name)
    app.connect("html-page-context", _share_navigation, priority=400)  # before the theme asks
    return {"parallel_read_safe": True, "parallel_write_safe": True}


_navigations: dict[str, str] = {}


def _share_navigation(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object
) -> None:
    """Let pages that are not in the navigation, a half of all, share that of their folder.

    It takes a fifth of the build to make, and differs in marks of the page that is shown alone.
    """
    if "orphan" in app.env.metadata[page]:
        make, folder = context["toctree"], posixpath.dirname(page)

        def shared(**options: object) -> str:
            if folder not in _navigations:
                _navigations[folder] = make(**options)
            return _navigations[folder]

        context["toctree"] = shared


def _public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, inner: nodes.TextElement
) -> nodes.Node | None:
    """Return a link to the public name; the text alone if it is no name of oadb."""
    if node.get("refdomain") != "py" or node.get("refexplicit"):
        return None
    name = str(node["reftarget"]).rpartition(".")[2]
    objects = env.domains.python_domain.objects
    found = [label for label in objects if label.rpartition(".")[2] == name]
    own = [label for label in found if label == f"{node.get('py:module')}.{name}"]
    chosen = (own or sorted(found, key=len))[:1]
    for label in chosen:
        entry = objects[label]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, inner, label)
    return inner
