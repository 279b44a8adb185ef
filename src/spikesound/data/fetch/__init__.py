"""How a recording is come by: from a disk, from another file system, from the web."""
