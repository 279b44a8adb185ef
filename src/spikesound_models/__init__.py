"""Trained models that are installed with spikesound, a folder a task: each a file and its card.

The stage `ship` writes them (``make ship``); :mod:`spikesound.models.shipped` finds them.
"""
