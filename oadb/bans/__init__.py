"""Networks that are kept out: bans, what leads to them, and the copy in memory."""
