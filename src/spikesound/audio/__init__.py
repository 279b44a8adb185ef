"""Sound in files: decoding, checks, resampling, filters and augmentation of waves."""
