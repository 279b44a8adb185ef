"""Metrics of sound event detection: clips, events, segments, PSDS, delay, in one table."""
