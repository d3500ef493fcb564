"""Binding: joins the named statements of SQL files with typed declarations."""
