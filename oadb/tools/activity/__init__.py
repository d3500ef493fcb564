"""What a DBA asks on call: findings about the running server, and the load of each statement."""
