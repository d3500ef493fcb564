"""Migrations: files checked, applied and undone through yoyo, one run at a time."""
