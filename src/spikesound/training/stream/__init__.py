"""Training from shards that are read as they lie, clip by clip, and augmented on the device."""
