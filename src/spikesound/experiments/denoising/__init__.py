"""Denoising of spectrograms by a network with a map, beside the classical methods."""
