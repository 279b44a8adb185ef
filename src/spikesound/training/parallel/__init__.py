"""Training of one network by several processes: equal to one process with the whole batch."""
