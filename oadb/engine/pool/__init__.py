"""The pool: connections to one database, taken, checked, and given back."""
