"""Sounds that are taught to a trained network, as rows of its read-out; the network is frozen.

:mod:`.activity` is what a read-out reads, :mod:`.delta` the rule that learns a row, :mod:`.check`
how well it does on recordings left out, :mod:`.file` where rows are kept, :mod:`.rows` the network
with them.
"""
