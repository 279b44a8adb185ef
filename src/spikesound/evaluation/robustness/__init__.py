"""Robustness of a model's accuracy to noise, other conditions of the sound, and hardware faults."""
