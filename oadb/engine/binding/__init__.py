"""Binding: named SQL files, typed declarations, and what joins them."""
