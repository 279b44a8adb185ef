"""Costs of a network's inference: operations, memory, energy; counted, then priced.

Counting (:mod:`.counting`) is part of inference on real clips. All else is arithmetic on the
counts and on the figures of a technology (``costs`` in params.yaml), so that another technology
costs no inference.
"""
