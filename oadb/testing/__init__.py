"""PostgreSQL servers for tests, ours and those of the programs that use oadb.

``servers`` chooses one and clones databases of it, ``fixtures`` is the pytest plugin, ``factories``
makes rows to begin with, ``control`` gives a private server to stop, restart and kill, ``checks``
says what of a database does not hold. See each of them.
"""
