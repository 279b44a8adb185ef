"""Event-driven layers: work for actual spikes only, where that is faster than dense products."""
