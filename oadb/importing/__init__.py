"""Imports an OpenAlgo installation: its SQLite files, or its PostgreSQL database.

``runs`` is the entry point, and ``sources`` reads. ``takeover`` stores credentials that keep
working, ``imports`` how far logs were imported; the rest is written by functions of other rooms.
"""
