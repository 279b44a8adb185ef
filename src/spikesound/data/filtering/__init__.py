"""Filter: selection of clips and labels, limited and balanced, with a report."""
