"""A detector on sound as it comes: where the sound comes from, and the meter that shows it."""
