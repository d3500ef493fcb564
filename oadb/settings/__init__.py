"""Settings of users, of the application, and of the mail account."""
