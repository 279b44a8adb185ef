"""Trained spiking networks in other simulators: NEST, and SANA-FE's chip models.

:mod:`.populations` writes a network as groups of neurons and lists of synapses; :mod:`.nest` and
:mod:`.sana_fe` build it in the simulator and run it, and :mod:`.reference` has the spikes that are
expected of them. Both packages are optional (extra
``opinions``), are GPL, and are called and not copied.
"""
