"""Sound in files: decoding, checks, resampling, filters, gain and noise."""
