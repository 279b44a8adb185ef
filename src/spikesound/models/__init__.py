"""Models: networks, their spec, files and exports."""
