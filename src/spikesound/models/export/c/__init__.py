"""Detectors and classifiers as a C99 module without dependencies, in integers throughout."""
