"""What a network's answer costs: operations, memory, energy; counted, then priced.

Counting (:mod:`.count`) goes along with inference on real clips. All else is arithmetic on the
counts and on the figures of a technology (``costs`` in params.yaml), so that another technology
costs no inference.
"""
