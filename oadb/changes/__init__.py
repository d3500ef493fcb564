"""What changed: announcements, and what in memory follows them."""
