"""Detectors frame by frame: the compiled backends, their kernels, and the stream of sound."""
