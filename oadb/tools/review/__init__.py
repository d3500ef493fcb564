"""The review book: static pages with each statement, table and migration of packages."""
