"""Inference backends: a trained network computed by torch, or compiled and event-driven.

:mod:`.backends` is the registry; :mod:`.streaming` runs detectors frame by frame.
"""
