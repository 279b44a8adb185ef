"""Sound: sources, filtering, download, features, and the shards that hold them."""
