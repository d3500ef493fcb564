"""A shop: a service whose own tables are bound by oadb's engine. It uses public names only."""
