"""What trades: strategies with their mappings and webhooks, and orders that wait for approval."""
