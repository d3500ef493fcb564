"""What keeps secrets: so far, passwords."""
