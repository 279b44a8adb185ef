"""How well sound events are detected: clips, events, segments, PSDS, delay, in one table."""
