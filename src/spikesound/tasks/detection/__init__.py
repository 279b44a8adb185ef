"""Detection: networks that hear frame after frame and say which sounds are there, and when."""
