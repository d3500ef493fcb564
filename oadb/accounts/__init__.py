"""People and programs that sign in: users, sessions, second factors, API keys, broker tokens."""
