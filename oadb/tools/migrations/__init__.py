"""Migrations: checks files, applies and undoes them through yoyo, one run at a time."""
