"""Brings an OpenAlgo installation into oadb: its SQLite files, or its PostgreSQL database.

Reads the other system, and writes through the domains, ``oadb.adoptions`` and ``oadb.imports``.
"""
