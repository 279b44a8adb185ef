"""Spiking neural networks, apart from sound: encoders, neurons, kernels, read-outs."""
