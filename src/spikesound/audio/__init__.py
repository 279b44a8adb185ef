"""TODO audio."""
