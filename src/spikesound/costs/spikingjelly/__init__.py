"""SpikingJelly's counters and energy estimators on networks of this project, beside its own."""
