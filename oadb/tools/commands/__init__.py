"""The commands of ``oadb``: one module each, imported when it is called (oadb.tools.cli)."""
