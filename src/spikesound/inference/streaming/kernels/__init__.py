"""Compiled passes of a detector, frame by frame, on one thread: event-driven, conventional."""
