"""What pytest loads where oadb is installed: the fixtures of ``oadb.testing.fixtures``.

A module of its own, so that a conftest.py may also name that one in ``pytest_plugins``: pytest
refuses a module that is registered under two names. ``-p no:oadb`` leaves it out.
"""

pytest_plugins = ["oadb.testing.fixtures"]
