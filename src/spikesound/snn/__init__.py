"""TODO snn."""
