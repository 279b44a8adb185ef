"""Quantisation: synaptic weights of few bits, and activations of few levels."""
