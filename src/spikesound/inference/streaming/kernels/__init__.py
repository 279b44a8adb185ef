"""Compiled passes of a detector, frame by frame, on one thread: by spikes, and by values."""
