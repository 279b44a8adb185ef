"""A local web page: a file or the microphone, and what a detector hears in it, as it hears it."""
