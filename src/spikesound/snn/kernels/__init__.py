"""Fused passes over time of leaky integrate-and-fire: forward, and backward for training.

:mod:`lif` holds the public call and chooses among the backends.
"""
