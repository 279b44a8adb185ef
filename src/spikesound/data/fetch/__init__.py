"""Fetching of recordings: from a disk, from another file system, from the web."""
