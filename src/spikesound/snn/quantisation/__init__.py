"""Quantisation of synaptic weights and of activations."""
