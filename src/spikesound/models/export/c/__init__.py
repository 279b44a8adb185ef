"""Detectors as a C99 module without dependencies, in integers from the samples on."""
