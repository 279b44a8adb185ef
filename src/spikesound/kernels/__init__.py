"""Compute kernels of leaky integrate-and-fire neurons and of layers that work on spikes only.

:mod:`lif` holds the public call and chooses among the backends; :mod:`events` the layer that adds
up weight rows of the inputs that spiked. What the neuron is, is said in :mod:`torch_lif`, the plain
loop, against which the others are tested.
"""
