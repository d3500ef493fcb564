"""Old and new together: what a release did, on the schema of the next one, and the other way."""
