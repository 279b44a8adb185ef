"""Costs of networks of other libraries: snnTorch, SpikingJelly, Norse, and NIR files.

A network is run on a sample while every operation on what depends on the sample is watched
(:mod:`.watch`). Modules in the tables (:mod:`.neurons`, :mod:`.modules`) are counted as a whole;
between them views cost nothing, additions and products are counted, and anything else is refused.
The counts are those of :class:`spikesound.costs.layer.LayerCounts` and are priced as they are.
"""
