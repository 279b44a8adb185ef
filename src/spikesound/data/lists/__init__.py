"""Lists of labelled segments in AudioSet's formats, read in all their dialects, and written."""
