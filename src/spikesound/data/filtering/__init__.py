"""Which clips and labels take part: chosen by label, limited and balanced, and reported on."""
