"""Layers that work only for the spikes there are, wherever that is quicker than dense products."""
